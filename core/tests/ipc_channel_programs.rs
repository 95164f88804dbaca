//! Channels between programs, on every system: delivery, disconnection, refusals.
#![forbid(unsafe_code)]

use std::fs;

use safemap::{Error, ipc::Channel};

/// Whether this system and the processor have channels.
const SUPPORTED: bool = cfg!(all(
    any(target_os = "linux", target_os = "android", target_os = "macos", windows),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
));

#[test]
fn systems_without_channels_refuse_to_open_them_and_create_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("channel");
    let channel = Channel::options().open_or_create(&path);
    assert_eq!(channel.is_ok(), SUPPORTED, "{channel:?}");
    if SUPPORTED {
        return;
    }
    assert!(!path.exists());
    let file = fs::File::create_new(&path).unwrap();
    for refused in [
        channel,
        Channel::open(&path),
        Channel::options().create(&path),
        Channel::anonymous(),
        Channel::from_file(file),
    ] {
        assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
}

#[cfg(all(
    any(target_os = "linux", target_os = "android", target_os = "macos", windows),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]
mod supported {
    use std::{
        env,
        path::{Path, PathBuf},
        process::{Child, Stdio},
        thread,
        time::{Duration, Instant},
    };

    use safemap_testing::{TempFile, noise, succeeds_while_truncated, test_command};

    use super::*;

    /// How soon the end of a process is noticed.
    const SOON: Duration = Duration::from_millis(1500);
    const LONG: Duration = Duration::from_secs(30);

    /// The folder of a child process, whose tests do not run otherwise.
    const FOLDER: &str = "SAFEMAP_TEST_CHANNELS";

    /// The channel of a test, in a temporary folder.
    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Files {
            Files(tempfile::tempdir().unwrap())
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("channel")
        }

        /// Starts this program, which runs one of the tests below.
        fn start(&self, test: &str) -> Program {
            let mut command = test_command();
            command.args(["--exact", test, "--nocapture"]).env(FOLDER, self.0.path());
            Program(command.stdout(Stdio::null()).spawn().unwrap())
        }
    }

    /// Killed when it is dropped, so that a failed test leaves no process.
    struct Program(Child);

    impl Program {
        fn succeeds(mut self) {
            assert!(self.0.wait().unwrap().success());
        }
    }

    impl Drop for Program {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// The folder, in a child process.
    fn folder() -> Option<PathBuf> {
        env::var_os(FOLDER).map(PathBuf::from)
    }

    /// The channel, in a child process.
    fn of_parent() -> Option<Channel> {
        folder().map(|folder| open(&folder.join("channel")))
    }

    fn open(path: &Path) -> Channel {
        Channel::options().capacity(4096).open_or_create(path).unwrap()
    }

    fn message(number: u64) -> Vec<u8> {
        noise(number, (number * 7919 % 3000) as usize)
    }

    const MESSAGES: u64 = 500;
    const LAST: &[u8] = b"last";

    #[test]
    fn child_sends_all_and_leaves() {
        let Some(channel) = of_parent() else { return };
        let mut sender = channel.sender().unwrap();
        (0..MESSAGES).for_each(|number| sender.send(&message(number)).unwrap());
    }

    #[test]
    fn child_receives_all() {
        let Some(channel) = of_parent() else { return };
        let (mut receiver, mut bytes) = (channel.receiver().unwrap(), Vec::new());
        for number in 0..MESSAGES {
            receiver.recv(&mut bytes).unwrap();
            assert_eq!(bytes, message(number));
        }
    }

    #[test]
    fn child_sends_and_stays() {
        let Some(channel) = of_parent() else { return };
        let mut sender = channel.sender().unwrap();
        sender.send(LAST).unwrap();
        thread::sleep(LONG);
    }

    #[test]
    fn child_keeps_a_message() {
        let Some(channel) = of_parent() else { return };
        let mut receiver = channel.receiver().unwrap();
        let _message = receiver.peek().unwrap();
        // The parent sees this message, and receives none.
        let ready = open(&folder().unwrap().join("ready"));
        ready.sender().unwrap().send(LAST).unwrap();
        thread::sleep(LONG);
    }

    #[test]
    fn a_program_receives_what_another_one_sends() {
        let files = Files::new();
        let channel = open(&files.path());
        let (mut receiver, mut bytes) = (channel.receiver().unwrap(), Vec::new());
        let child = files.start("supported::child_sends_all_and_leaves");
        for number in 0..MESSAGES {
            receiver.recv_timeout(&mut bytes, LONG).unwrap().unwrap();
            assert_eq!(bytes, message(number));
        }
        let start = Instant::now();
        let error = receiver.recv_timeout(&mut bytes, LONG).unwrap_err();
        assert!(matches!(error, Error::Disconnected { died: false }), "{error}");
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
        child.succeeds();
    }

    #[test]
    fn a_program_sends_to_another_one() {
        let files = Files::new();
        let mut sender = open(&files.path()).sender().unwrap();
        let child = files.start("supported::child_receives_all");
        (0..MESSAGES).for_each(|number| sender.send(&message(number)).unwrap());
        child.succeeds();
        assert!(matches!(sender.send(LAST), Err(Error::Disconnected { died: false })));
    }

    #[test]
    fn a_sender_that_is_killed_is_noticed_after_its_messages() {
        let files = Files::new();
        let mut receiver = open(&files.path()).receiver().unwrap();
        let child = files.start("supported::child_sends_and_stays");
        let mut bytes = Vec::new();
        receiver.recv_timeout(&mut bytes, LONG).unwrap().unwrap();
        assert_eq!(bytes, LAST);
        drop(child);
        let start = Instant::now();
        let error = receiver.recv_timeout(&mut bytes, LONG).unwrap_err();
        assert!(matches!(error, Error::Disconnected { died: true }), "{error}");
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    }

    #[test]
    fn a_message_of_a_receiver_that_is_killed_stays() {
        let files = Files::new();
        let channel = open(&files.path());
        let mut sender = channel.sender().unwrap();
        let mut ready = open(&files.0.path().join("ready")).receiver().unwrap();
        sender.send(LAST).unwrap();
        let child = files.start("supported::child_keeps_a_message");
        let mut bytes = Vec::new();
        ready.recv_timeout(&mut bytes, LONG).unwrap().unwrap();
        let mut receiver = channel.receiver().unwrap();
        // The child has the lock.
        assert!(receiver.try_peek().unwrap().is_none());
        drop(child);
        assert_eq!(receiver.recv_timeout(&mut bytes, LONG).unwrap(), Some(LAST.len()));
        assert_eq!((&bytes[..], channel.len().unwrap()), (LAST, 0));
        assert_eq!(channel.takeovers().unwrap(), 1);
    }

    #[test]
    fn a_channel_of_another_capacity_is_refused_with_both() {
        let files = Files::new();
        drop(open(&files.path()));
        let error = Channel::options().capacity(8192).open_or_create(files.path()).unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{error}");
        assert!(error.to_string().contains("4096") && error.to_string().contains("8192"));
        assert!(Channel::options().create(files.path()).is_err());
        assert_eq!(Channel::open(files.path()).unwrap().capacity(), 4096);
    }

    #[test]
    fn a_file_that_is_cut_before_it_is_opened_is_refused() {
        let files = Files::new();
        drop(open(&files.path()));
        let file = fs::File::options().write(true).open(files.path()).unwrap();
        file.set_len(5000).unwrap();
        let error = Channel::open(files.path()).unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{error}");
        assert_eq!(file.metadata().unwrap().len(), 5000);
    }

    #[test]
    fn a_file_that_is_cut_while_it_is_used_is_an_error() {
        succeeds_while_truncated(|| {
            let file = TempFile::new(&[]);
            let channel = open(file.path());
            let (mut sender, mut receiver) =
                (channel.sender().unwrap(), channel.receiver().unwrap());
            sender.send(&[1; 3000]).unwrap();
            file.set_len(0);
            assert!(receiver.recv_timeout(&mut Vec::new(), LONG).is_err());
            assert!(sender.send(b"more").is_err());
        });
    }
}
