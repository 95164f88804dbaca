//! The settings of a channel.

use std::{fs::File, io, path::Path, sync::Arc};

use super::{
    frames::Ring,
    handle::Channel,
    inherited,
    layout::{GREATEST_CAPACITY, LEAST_CAPACITY, RING},
    shared::Shared,
};
use crate::{
    Access, Error, FormatError, Options, Result,
    ipc::{
        Spin,
        atomic::ensure_processor_has_updates,
        file::{self, Geometry, Kind, Mode, Opened},
    },
    slices::memfd_error,
    sys,
};

/// The settings of a [`Channel`], and the calls that open or create it.
///
/// # Files
///
/// A file that is created can be opened by processes of the same user, unless
/// [`permissions`](ChannelOptions::permissions) says otherwise. Its blocks are allocated: a full
/// disk is an error of the creation. Symbolic links are not followed, except those of
/// `/proc/self/fd`. File systems on which the kernel does not know which processes exist, such as
/// network file systems, are [`Error::Unsupported`]. A file that is not a channel is never changed.
///
/// If two processes create a file at once, or a process crashes while it creates one, the result is
/// a complete channel, or a file that the next call completes. No call removes a file.
///
/// # Examples
///
/// ```
/// use safemap::{Error, ipc::Channel};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("jobs.ch");
/// let channel = match Channel::options().capacity(1 << 16).open_or_create(&path) {
///     Err(Error::Unsupported(_)) => return Ok(()), // this system has no channels
///     channel => channel?,
/// };
/// assert_eq!(Channel::open(&path)?.capacity(), 1 << 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ChannelOptions {
    capacity: Option<usize>,
    max_messages: Option<u64>,
    permissions: Option<u32>,
    spin: Spin,
}

/// The bytes of a ring unless others are set.
const CAPACITY: usize = 1 << 20;

impl Channel {
    /// Returns the settings for a channel.
    ///
    /// # Examples
    ///
    /// See [`ChannelOptions`].
    pub fn options() -> ChannelOptions {
        ChannelOptions::new()
    }

    /// Opens a channel that exists.
    ///
    /// # Errors
    ///
    /// As [`ChannelOptions::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// assert!(Channel::open("no such file").is_err());
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Channel> {
        Channel::options().open(path)
    }

    /// Creates a channel in a memory file, with the default settings. See
    /// [`ChannelOptions::anonymous`].
    ///
    /// # Errors
    ///
    /// As [`ChannelOptions::anonymous`].
    ///
    /// # Examples
    ///
    /// See [`ChannelOptions::anonymous`].
    pub fn anonymous() -> Result<Channel> {
        Channel::options().anonymous()
    }

    /// Opens the channel in a file that is open for reading and writing, such as a descriptor that
    /// another process has passed.
    ///
    /// On Linux the file is opened again for locks, through `/proc`. For a file with a path this
    /// process must have the permission; a memory file needs none.
    ///
    /// # Errors
    ///
    /// As [`ChannelOptions::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// let file = channel.file().try_clone_to_owned().expect("descriptors are left");
    /// let same = Channel::from_file(file.into())?;
    /// channel.sender()?.send(b"hello")?;
    /// assert_eq!(same.len()?, 1);
    /// # }
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn from_file(file: File) -> Result<Channel> {
        ChannelOptions::new().adopt(file, None)
    }
}

impl ChannelOptions {
    /// Returns the default settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::ChannelOptions;
    ///
    /// let options = ChannelOptions::new();
    /// ```
    pub fn new() -> ChannelOptions {
        ChannelOptions::default()
    }

    /// Sets the bytes of the ring. They are rounded up to a power of two, and to 4096. The default
    /// is 1 MiB.
    ///
    /// A channel that exists must have this capacity, if one is set. A ring of several times the
    /// length of a message lets senders run ahead.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::options().capacity(5000).anonymous()?;
    /// assert_eq!(channel.capacity(), 8192);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn capacity(&mut self, bytes: usize) -> &mut ChannelOptions {
        self.capacity = Some(bytes);
        self
    }

    /// Limits the number of messages in the channel. Each message then needs 8 bytes more. 0 means
    /// no limit.
    ///
    /// A channel that exists must have this limit, if one is set.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::options().max_messages(1).anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::options().max_messages(1).anonymous()?;
    /// let mut sender = channel.sender()?;
    /// assert!(sender.try_send(b"first")?);
    /// assert!(!sender.try_send(b"second")?);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn max_messages(&mut self, messages: u64) -> &mut ChannelOptions {
        self.max_messages = Some(messages);
        self
    }

    /// Sets the permissions of a new file, as for `open(2)`. The default is `0o600`. On Windows
    /// they have no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("jobs.ch");
    /// let channel = Channel::options().permissions(0o660).create(&path);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn permissions(&mut self, mode: u32) -> &mut ChannelOptions {
        self.permissions = Some(mode);
        self
    }

    /// Sets whether waiting threads spin before they sleep. The default is [`Spin::Learn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::{Channel, Spin};
    ///
    /// let channel = Channel::options().spin(Spin::Never).anonymous();
    /// ```
    pub fn spin(&mut self, spin: Spin) -> &mut ChannelOptions {
        self.spin = spin;
        self
    }

    /// Opens a channel that exists.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] if the file is not a channel that these settings describe. [`Error::Os`].
    /// [`Error::Unsupported`] if the system or the file system has no channels. [`Error::Locked`]
    /// if another program has locked the whole file.
    ///
    /// # Examples
    ///
    /// See [`ChannelOptions`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Channel> {
        self.at(path.as_ref(), |_| Mode::Open)
    }

    /// Creates a channel. The file must not exist, or be empty.
    ///
    /// # Errors
    ///
    /// As [`ChannelOptions::open`], and [`Error::TooLong`] if the capacity exceeds 4 GiB or the
    /// address space.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, ipc::Channel};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("jobs.ch");
    /// let channel = match Channel::options().create(&path) {
    ///     Err(Error::Unsupported(_)) => return Ok(()), // this system has no channels
    ///     channel => channel?,
    /// };
    /// assert!(Channel::options().create(&path).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Channel> {
        self.at(path.as_ref(), Mode::Create)
    }

    /// Opens a channel, or creates it if the file does not exist.
    ///
    /// # Errors
    ///
    /// As [`ChannelOptions::open`] and [`ChannelOptions::create`].
    ///
    /// # Examples
    ///
    /// See [`ChannelOptions`].
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<Channel> {
        // A file that exists may have any geometry that was not set.
        match self.open(&path) {
            Err(error) if is_missing(&error) => {}
            opened => return opened,
        }
        match self.at(path.as_ref(), Mode::OpenOrCreate) {
            // Another process has completed the file since.
            Err(error) if is_other_geometry(&error) => self.open(path),
            created => created,
        }
    }

    /// Creates a channel in a memory file. It exists as long as a process has its descriptor or a
    /// map of it: pass it to a child, or through a Unix socket, for [`Channel::from_file`].
    ///
    /// # Errors
    ///
    /// As [`ChannelOptions::create`]; [`Error::Unsupported`] on systems other than Linux.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use safemap::ipc::Channel;
    ///
    /// # if !safemap::ipc::has_range_locks() { return Ok(()); }
    /// let channel = Channel::options().capacity(1 << 16).anonymous();
    /// # }
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn anonymous(&self) -> Result<Channel> {
        let file = sys::file::create_memory_file(c"channel").map_err(memfd_error)?;
        self.adopt(file.into(), Some(self.geometry()?))
    }

    fn at(&self, path: &Path, mode: fn(Geometry) -> Mode) -> Result<Channel> {
        ensure_processor_has_updates()?;
        let permissions = self.permissions.unwrap_or(file::PERMISSIONS);
        let mode = mode(self.geometry()?);
        self.map(file::open(path, Kind::Channel, mode, permissions)?)
    }

    pub(super) fn adopt(&self, file: File, geometry: Option<Geometry>) -> Result<Channel> {
        ensure_processor_has_updates()?;
        self.map(file::adopt(file, Kind::Channel, geometry)?)
    }

    /// The geometry of a new file.
    fn geometry(&self) -> Result<Geometry> {
        let (capacity, limit) = (self.capacity.unwrap_or(CAPACITY) as u64, GREATEST_CAPACITY);
        if capacity > limit {
            return Err(Error::TooLong { len: capacity, limit });
        }
        let capacity = capacity.max(LEAST_CAPACITY).next_power_of_two();
        Ok(Geometry { capacity, slots: self.max_messages.unwrap_or(0) })
    }

    fn map(&self, opened: Opened) -> Result<Channel> {
        let Geometry { capacity, slots } = self.geometry()?;
        let found = opened.geometry;
        let wanted = Geometry {
            capacity: self.capacity.map_or(found.capacity, |_| capacity),
            slots: self.max_messages.map_or(found.slots, |_| slots),
        };
        let fits = found.ensure_is(wanted);
        fits.map_err(|cause| Error::Format { call: "open", cause })?;
        let too_long = Error::too_long(found.capacity);
        let ring = Ring::new(found.capacity, found.slots).ok_or(too_long)?;
        let len = RING + ring.capacity() as usize;
        let map = Options::new().access(Access::Write).len(len).spin(self.spin).map(opened.file)?;
        let shared = Arc::new(Shared::new(map, ring, self.spin));
        inherited::register(&shared);
        Ok(Channel { shared })
    }
}

/// Whether a file is not there, or not complete.
fn is_missing(error: &Error) -> bool {
    match error {
        Error::Os { source, .. } => source.kind() == io::ErrorKind::NotFound,
        Error::Format { cause, .. } => {
            matches!(cause, FormatError::TooShort { .. } | FormatError::Incomplete)
        }
        _ => false,
    }
}

fn is_other_geometry(error: &Error) -> bool {
    let Error::Format { cause, .. } = error else { return false };
    matches!(cause, FormatError::OtherCapacity { .. } | FormatError::OtherMessageLimit { .. })
}
