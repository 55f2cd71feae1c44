//! A limit on how long a client may leave open which version of HTTP it speaks.
//!
//! hyper-util tells HTTP/2 from HTTP/1 by the first bytes and waits for them without a limit; the header timeout starts
//! only afterwards. A client that connects and says nothing, or only the `P` that both may start with, would hold its
//! place forever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The first bytes of every HTTP/2 connection (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection whose reads fail when the version is still open at the deadline.
pub(super) struct Patient<S> {
    stream: S,
    undecided: Option<Undecided>,
}

struct Undecided {
    deadline: Pin<Box<dyn Future<Output = ()> + Send>>,
    matched: usize,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, deadline: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { stream, undecided: Some(Undecided { deadline: Box::pin(deadline), matched: 0 }) }
    }

    /// Takes note of bytes that arrived: the first that is not the preface's decides.
    fn note(&mut self, arrived: &[u8]) {
        let Some(undecided) = &mut self.undecided else { return };
        let rest = &PREFACE[undecided.matched..];
        if arrived.len() < rest.len() && rest.starts_with(arrived) {
            undecided.matched += arrived.len();
        } else {
            self.undecided = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                result?;
                self.note(&buffer.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Pending => {
                let Some(undecided) = &mut self.undecided else { return Poll::Pending };
                ready!(undecided.deadline.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::sync::oneshot;

    use super::*;

    async fn after(sent: &[&[u8]]) -> io::Result<usize> {
        let (mut client, stream) = duplex(64);
        let (expire, expired) = oneshot::channel::<()>();
        let mut stream = Patient::new(stream, async move { drop(expired.await) });
        let mut read = [0; 64];
        for part in sent {
            client.write_all(part).await.unwrap();
            let length = stream.read(&mut read).await.unwrap();
            assert_eq!(&read[..length], *part);
        }
        drop(expire);
        // Decided: the deadline no longer matters and the read goes on until the client is gone.
        let read = tokio::spawn(async move { stream.read(&mut [0; 1]).await });
        if !sent.is_empty() && !PREFACE.starts_with(&sent.concat()) || sent.concat().len() >= PREFACE.len() {
            drop(client);
            return read.await.unwrap();
        }
        let result = read.await.unwrap();
        drop(client);
        result
    }

    #[tokio::test]
    async fn silence_and_half_a_preface_run_out_of_time() {
        for sent in [&[][..], &[&b"P"[..]], &[&b"PRI * "[..], b"HTTP/2.0"]] {
            assert_eq!(after(sent).await.unwrap_err().kind(), io::ErrorKind::TimedOut, "{sent:?}");
        }
    }

    #[tokio::test]
    async fn a_decided_connection_has_all_the_time() {
        for sent in [&[&b"G"[..]][..], &[b"P", b"O"], &[PREFACE], &[b"PRI * HTTP/2.0\r\n\r\nSM", b"\r\n\r\n\0\0"]] {
            assert_eq!(after(sent).await.unwrap(), 0, "{sent:?}");
        }
    }
}
