//! Work that goes on when whoever waits for it goes away.
//!
//! A caller that hangs up must not take back what is half done. A task of its own would see to that as well, but would cost
//! every caller the way to another thread and back; here only those pay that do go away.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Runs where it is awaited. Dropped before its end, the rest runs as a task of its own.
pub(crate) struct Undropped<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Undropped<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for Undropped<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Taken out, so that what panics is not run on. What is done is never polled again.
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Undropped<T> {
    fn drop(&mut self) {
        // Without a runtime, the process is at its end.
        if let Some(rest) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    fn waiting() -> (oneshot::Sender<()>, oneshot::Receiver<&'static str>, Undropped<&'static str>) {
        let ((go, gone), (tell, told)) = (oneshot::channel(), oneshot::channel());
        let work = async move {
            let _ = gone.await;
            let _ = tell.send("done");
            "done"
        };
        (go, told, Undropped::new(work))
    }

    #[tokio::test]
    async fn it_runs_where_it_is_awaited() {
        let (go, _told, mut work) = waiting();
        assert!((&mut work).now_or_never().is_none());
        go.send(()).unwrap();
        assert_eq!(work.await, "done");
    }

    #[tokio::test]
    async fn it_goes_on_when_nobody_waits_any_longer() {
        for is_begun in [false, true] {
            let (go, told, mut work) = waiting();
            if is_begun {
                assert!((&mut work).now_or_never().is_none());
            }
            drop(work);
            go.send(()).unwrap();
            assert_eq!(told.await.unwrap(), "done");
        }
    }

    #[tokio::test]
    async fn what_panicked_is_not_run_again() {
        let mut runs = 0;
        let mut work = Undropped::new(std::future::poll_fn(move |_| -> Poll<()> {
            runs += 1;
            assert_eq!(runs, 1, "run again");
            panic!("the first time");
        }));
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (&mut work).now_or_never()));
        assert!(polled.is_err());
        assert!(work.0.is_none());
    }
}
