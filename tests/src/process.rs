//! The `notifier` binary as a process of its own, on a free port.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::client::Client;

/// A running server. Killed when dropped.
pub struct Server {
    child: Child,
    /// Talks to it.
    pub client: Client,
}

/// The binary beside the one that runs now.
///
/// # Panics
/// When it is not there: it belongs to another package, so cargo does not build it for a test by itself.
#[must_use]
#[expect(clippy::panic, clippy::expect_used, reason = "without the binary no test of it can run")]
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a process has a program");
    let found = own.ancestors().map(|folder| folder.join("notifier")).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no `notifier` beside {}: run `cargo build --workspace` first", own.display()))
}

impl Server {
    /// Starts `notifier sandbox` with its data in that directory.
    #[must_use]
    pub fn sandbox(data_dir: &Path) -> Self {
        let data_dir = data_dir.display().to_string();
        Self::start(&["sandbox", "--data-dir", &data_dir], &[])
    }

    /// As [`Self::sandbox`], and its inbox has the requests as they came as well.
    #[must_use]
    pub fn sandbox_keeping_raw(data_dir: &Path) -> Self {
        let data_dir = data_dir.display().to_string();
        Self::start(&["sandbox", "--data-dir", &data_dir, "--keep-raw"], &[])
    }

    /// Starts `notifier serve` with that configuration file and environment.
    #[must_use]
    pub fn serve(config: &Path, environment: &[(&str, &str)]) -> Self {
        let config = config.display().to_string();
        Self::start(&["serve", "--config", &config], environment)
    }

    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Starting::spawn(arguments, environment).listens()
    }

    /// The process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: it gets no chance to do anything.
    pub fn kill(&mut self) {
        // It may have ended by itself: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM: it finishes what is in flight, and ends.
    ///
    /// # Errors
    /// When the process cannot be signalled.
    pub fn ask_to_stop(&self) -> std::io::Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().map(drop)
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When the process cannot be signalled or waited for.
    pub fn terminate(&mut self) -> std::io::Result<ExitStatus> {
        self.ask_to_stop()?;
        self.child.wait()
    }
}

/// A server on its way up. Killed when dropped.
pub struct Starting {
    /// Killed in its drop.
    child: Option<Child>,
    /// Where it listens, once it says so; nothing when it ends before that.
    origin: Receiver<String>,
}

impl Starting {
    /// Starts `notifier serve` with that configuration file and environment.
    #[must_use]
    pub fn serve(config: &Path, environment: &[(&str, &str)]) -> Self {
        let config = config.display().to_string();
        Self::spawn(&["serve", "--config", &config], environment)
    }

    #[expect(clippy::expect_used, reason = "a test cannot go on without the server")]
    fn spawn(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary())
            .args(arguments)
            .env("NOTIFIER__SERVER__LISTEN", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (found, origin) = channel();
        // To the end, so that the server never waits for a full pipe.
        std::thread::spawn(move || {
            for origin in BufReader::new(stdout).lines().map_while(Result::ok).filter_map(|line| origin_in(&line)) {
                // Nobody waits for it any more.
                let _ = found.send(origin);
            }
        });
        Self { child: Some(child), origin }
    }

    /// Waits until it says where it listens.
    ///
    /// # Panics
    /// When it ends before that.
    #[must_use]
    #[expect(clippy::expect_used, clippy::panic, reason = "a test cannot go on without the server")]
    pub fn listens(mut self) -> Server {
        let mut child = self.child.take().expect("it is taken here and at the end only");
        match self.origin.recv() {
            Ok(origin) => Server { child, client: Client::new(origin) },
            Err(_) => panic!("the server ended without saying where it listens: {:?}", child.wait()),
        }
    }

    /// SIGKILL, and whether it served already.
    #[must_use]
    pub fn kill(self) -> bool {
        let served = self.origin.try_recv().is_ok();
        drop(self);
        served
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself: then there is nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The address in a line that says where it listens.
fn origin_in(line: &str) -> Option<String> {
    let address = line.split("http://").nth(1)?;
    let end = address.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ':'))).unwrap_or(address.len());
    Some(format!("http://{}", &address[..end]))
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
