//! A Postfix of our own: its configuration, queue and mailbox in a temporary directory, on free ports of loopback.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// What is needed, for whoever misses it.
const NEEDED: &str = "this test runs Postfix: as root, after `apt-get install postfix openssl python3`";

/// How long the log may be silent about what is waited for: far longer than it ever is.
const PATIENCE: Duration = Duration::from_secs(120);

const MAIN: &str = "compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mail.example.com
mydestination =
alias_maps =
local_recipient_maps =
message_size_limit = 2000000
smtputf8_enable = yes
smtpd_tls_security_level = may
smtpd_tls_chain_files = {dir}/etc/key.pem, {dir}/etc/certificate.pem
smtpd_relay_restrictions = reject_unauth_destination
smtpd_sender_restrictions = check_sender_access texthash:{dir}/etc/senders
smtpd_recipient_restrictions = check_recipient_access texthash:{dir}/etc/recipients
virtual_mailbox_domains = example.net
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = static:inbox/
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
";

const MASTER: &str = "127.0.0.1:{starttls} inet n - n - - smtpd
127.0.0.1:{implicit} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{bare} inet n - n - - smtpd -o smtpd_tls_security_level=none
127.0.0.1:{hasty} inet n - n - - smtpd -o smtpd_timeout=1s
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
";

/// What it refuses, by recipient.
const RECIPIENTS: &str = "full@example.net 452 4.2.2 Mailbox full
nobody@example.net 550 5.1.1 User unknown
";

/// What it refuses, by sender.
const SENDERS: &str = "stranger@example.com 553 5.7.1 Not your address
";

/// Ports of the same server: with STARTTLS, with TLS from the first byte, without either, and one that hangs up on who is silent
/// for a second.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) starttls: u16,
    pub(crate) implicit: u16,
    pub(crate) bare: u16,
    pub(crate) hasty: u16,
}

/// A running Postfix.
pub(crate) struct Postfix {
    directory: TempDir,
    child: Child,
    log: Arc<Log>,
    pub(crate) ports: Ports,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

/// Reads it to its end, beside everything else.
fn keep(output: impl Read + Send + 'static, log: &Arc<Log>) {
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            log.lines.lock().unwrap().push(line);
            log.more.notify_all();
        }
    });
}

impl Postfix {
    pub(crate) fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("notifier-postfix-").tempdir().unwrap();
        let path = directory.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["etc", "queue", "data", "mail"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        let (uid, gid) = (id("-u"), id("-g"));
        for name in ["data", "mail"] {
            chown(path.join(name), Some(uid), Some(gid)).expect(NEEDED);
        }
        let ports = Ports::free();
        let main = MAIN.replace("{dir}", path.to_str().unwrap());
        let main = main.replace("{uid}", &uid.to_string()).replace("{gid}", &gid.to_string());
        let master = MASTER
            .replace("{starttls}", &ports.starttls.to_string())
            .replace("{implicit}", &ports.implicit.to_string())
            .replace("{bare}", &ports.bare.to_string())
            .replace("{hasty}", &ports.hasty.to_string());
        for (name, text) in
            [("main.cf", &*main), ("master.cf", &*master), ("recipients", RECIPIENTS), ("senders", SENDERS)]
        {
            fs::write(path.join("etc").join(name), text).unwrap();
        }
        certify(&path.join("etc"));
        let mut start = command(path, "start-fg");
        start.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = start.spawn().expect(NEEDED);
        let log = Arc::new(Log::default());
        keep(child.stdout.take().unwrap(), &log);
        keep(child.stderr.take().unwrap(), &log);
        let postfix = Self { directory, child, log, ports };
        postfix.logged("daemon started");
        postfix
    }

    /// The certificate that it presents for `localhost`; nobody else vouches for it.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        fs::read(self.directory.path().join("etc/certificate.pem")).unwrap()
    }

    /// Waits for a line of its log that holds those words.
    pub(crate) fn logged(&self, words: &str) -> String {
        let lines = self.log.lines.lock().unwrap();
        let find = |lines: &[String]| lines.iter().find(|line| line.contains(words)).cloned();
        let is_missing = |lines: &mut Vec<String>| find(lines).is_none();
        let (lines, _) = self.log.more.wait_timeout_while(lines, PATIENCE, is_missing).unwrap();
        find(&lines).unwrap_or_else(|| panic!("{words:?} is not in the log ({NEEDED}):\n{}", lines.join("\n")))
    }

    /// How many lines of its log hold those words by now.
    pub(crate) fn count(&self, words: &str) -> usize {
        self.log.lines.lock().unwrap().iter().filter(|line| line.contains(words)).count()
    }

    /// Waits until it has delivered the message of that name: the message.
    pub(crate) fn delivered(&self, queue_id: &str) -> Vec<u8> {
        let line = self.logged(&format!("{queue_id}: to="));
        assert!(line.contains("status=sent (delivered to maildir)"), "{line}");
        self.logged(&format!("{queue_id}: removed"));
        let received = format!("id {queue_id}");
        let is_it = |message: &Vec<u8>| String::from_utf8_lossy(message).contains(&received);
        self.inbox().into_iter().find(is_it).unwrap()
    }

    /// As [`Self::delivered`], read with somebody else's parser.
    pub(crate) fn read(&self, queue_id: &str) -> Value {
        read(&self.delivered(queue_id))
    }

    /// The messages in the mailbox.
    pub(crate) fn inbox(&self) -> Vec<Vec<u8>> {
        let inbox = fs::read_dir(self.directory.path().join("mail/inbox/new"));
        inbox.into_iter().flatten().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = command(self.directory.path(), "stop").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

impl Ports {
    /// Four that nobody listens on.
    fn free() -> Self {
        let listeners: [TcpListener; 4] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [starttls, implicit, bare, hasty] = listeners.map(|listener| listener.local_addr().unwrap().port());
        Self { starttls, implicit, bare, hasty }
    }
}

fn command(directory: &Path, what: &str) -> Command {
    let mut command = Command::new("/usr/sbin/postfix");
    command.arg("-c").arg(directory.join("etc")).arg(what);
    command
}

/// A number of the user `postfix`.
fn id(which: &str) -> u32 {
    let output = Command::new("id").args([which, "postfix"]).output().expect(NEEDED);
    String::from_utf8(output.stdout).unwrap().trim().parse().expect(NEEDED)
}

/// A certificate for `localhost` and its key, valid from now on.
fn certify(directory: &Path) {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(directory)
        .output()
        .expect(NEEDED);
    assert!(output.status.success(), "{NEEDED}: {}", String::from_utf8_lossy(&output.stderr));
}

fn read(message: &[u8]) -> Value {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/postfix/read.py");
    let mut child =
        Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect(NEEDED);
    child.stdin.take().unwrap().write_all(message).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(message));
    serde_json::from_slice(&output.stdout).unwrap()
}
