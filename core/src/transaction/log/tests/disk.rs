//! A simulated page cache and its disk. A sector, a length, and the name of the journal may each
//! reach the disk at any time; a sync waits for those of one file.

use std::{collections::BTreeMap, rc::Rc};

use super::super::layout::SLOTS;

pub(super) const SECTOR: usize = 512;
/// The file with the number 0. Journals have the others.
pub(super) const DATA: usize = 0;
/// The directory, in keys.
const NAMES: usize = usize::MAX;
pub(super) const NAME: Key = (NAMES, None);

/// What reaches the disk apart from the rest: a sector of a file, or without one its length. Of the
/// directory: the name of the journal.
pub(super) type Key = (usize, Option<usize>);

/// What the key is, since one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Sector(Rc<[u8; SECTOR]>),
    Len(usize),
    Name(Option<usize>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct DiskFile {
    bytes: Vec<u8>,
    len: usize,
}

/// What is there after a power failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Disk {
    files: Vec<DiskFile>,
    name: Option<usize>,
}

impl Disk {
    fn sector(&self, (file, sector): (usize, usize)) -> [u8; SECTOR] {
        self.files.get(file).map_or([0; SECTOR], |file| sector_of(&file.bytes, sector))
    }

    fn apply(&mut self, (file, sector): Key, version: &Version) {
        if file != NAMES && self.files.len() <= file {
            self.files.resize(file + 1, DiskFile::default());
        }
        match (version, sector) {
            (Version::Name(name), _) => self.name = *name,
            (Version::Len(len), _) => self.files[file].len = *len,
            (Version::Sector(bytes), sector) => {
                let start = sector.unwrap_or(0) * SECTOR;
                let file = &mut self.files[file].bytes;
                resize(file, file.len().max(start + SECTOR));
                file[start..start + SECTOR].copy_from_slice(&**bytes);
            }
        }
    }

    /// What lies behind the end of a file is lost.
    fn cut(&mut self) {
        self.files.iter_mut().for_each(|file| resize(&mut file.bytes, file.len));
    }
}

/// As `Vec::resize`, which is slow in tests.
fn resize(bytes: &mut Vec<u8>, len: usize) {
    bytes.extend_from_slice(&vec![0; len.saturating_sub(bytes.len())]);
    bytes.truncate(len);
}

/// Returns a sector, with zeros behind the end.
fn sector_of(bytes: &[u8], sector: usize) -> [u8; SECTOR] {
    let (start, mut found) = (sector * SECTOR, [0; SECTOR]);
    if let Some(rest) = bytes.get(start..) {
        let count = rest.len().min(SECTOR);
        found[..count].copy_from_slice(&rest[..count]);
    }
    found
}

/// The page cache, the disk, and what is on the way.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache {
    pub(super) files: Vec<Vec<u8>>,
    /// The journal that has the name.
    pub(super) name: Option<usize>,
    disk: Disk,
    pending: BTreeMap<Key, Vec<Version>>,
}

impl Cache {
    /// A cache with a data file that is on the disk.
    pub(super) fn new(data: Vec<u8>) -> Cache {
        let disk = DiskFile { len: data.len(), bytes: data.clone() };
        let disk = Disk { files: vec![disk], name: None };
        Cache { files: vec![data], disk, ..Cache::default() }
    }

    /// The cache after a start of the system.
    pub(super) fn from_disk(mut disk: Disk) -> Cache {
        for (number, file) in disk.files.iter_mut().enumerate().skip(DATA + 1) {
            if disk.name != Some(number) {
                *file = DiskFile::default();
            }
        }
        disk.cut();
        let count = disk.files.len().max(disk.name.map_or(0, |name| name + 1));
        disk.files.resize(count, DiskFile::default());
        let files = disk.files.iter().map(|file| file.bytes.clone()).collect();
        Cache { files, name: disk.name, disk, pending: BTreeMap::new() }
    }

    /// Adds a journal without a name.
    pub(super) fn create(&mut self) -> usize {
        self.files.push(Vec::new());
        self.files.len() - 1
    }

    pub(super) fn set_name(&mut self, name: Option<usize>) {
        self.name = name;
        self.push(NAME, Version::Name(name));
    }

    /// Writes bytes of one sector.
    pub(super) fn write(&mut self, file: usize, bytes: &[u8], at: usize) {
        let (content, end) = (&mut self.files[file], at + bytes.len());
        let old = content.len();
        resize(content, old.max(end));
        content[at..end].copy_from_slice(bytes);
        self.push_len(file, old);
        self.push_sector(file, at / SECTOR);
    }

    pub(super) fn set_len(&mut self, file: usize, len: usize) {
        let old = self.files[file].len();
        resize(&mut self.files[file], len);
        self.push_len(file, old);
        // What is cut off reads as zeros when the file grows again.
        for sector in len / SECTOR..old.div_ceil(SECTOR) {
            self.push_sector(file, sector);
        }
    }

    fn push_len(&mut self, file: usize, old: usize) {
        let len = self.files[file].len();
        if len != old {
            self.push((file, None), Version::Len(len));
        }
    }

    fn push_sector(&mut self, file: usize, sector: usize) {
        let bytes = sector_of(&self.files[file], sector);
        self.push((file, Some(sector)), Version::Sector(Rc::new(bytes)));
    }

    /// A version that the disk has already is none.
    fn push(&mut self, key: Key, version: Version) {
        let is_on_disk = match (&version, key) {
            (Version::Sector(bytes), (file, Some(sector))) => {
                **bytes == self.disk.sector((file, sector))
            }
            _ => false,
        };
        let versions = self.pending.get(&key);
        let is_same = versions.map_or(is_on_disk, |versions| versions.last() == Some(&version));
        if !is_same {
            let torn = self.torn(key, &version);
            self.pending.entry(key).or_default().extend(torn.into_iter().chain([version]));
        }
    }

    /// Half of a slot, if it is one: old bytes follow new ones.
    fn torn(&self, (file, sector): Key, version: &Version) -> Option<Version> {
        let is_slot = |sector| file != DATA && SLOTS.contains(&((sector * SECTOR) as u64));
        let (Version::Sector(bytes), Some(sector)) = (version, sector) else { return None };
        let mut torn = self.disk.sector((file, sector));
        torn[..SECTOR / 8].copy_from_slice(&bytes[..SECTOR / 8]);
        is_slot(sector).then(|| Version::Sector(Rc::new(torn)))
    }

    /// All of a file reaches the disk.
    pub(super) fn sync(&mut self, file: usize) {
        self.sync_part(file, |count| count);
    }

    /// The name of the journal reaches the disk.
    pub(super) fn sync_name(&mut self) {
        self.sync_part(NAMES, |count| count);
        let others = (DATA + 1..self.files.len()).filter(|file| self.name != Some(*file));
        others.collect::<Vec<_>>().into_iter().for_each(|file| self.remove(file));
    }

    /// A journal without a name is gone.
    fn remove(&mut self, file: usize) {
        self.files[file] = Vec::new();
        self.pending.retain(|key, _| key.0 != file);
        if let Some(file) = self.disk.files.get_mut(file) {
            *file = DiskFile::default();
        }
    }

    /// A part of a file reaches the disk. The rest counts as clean. The length of the data file is
    /// not lost: file systems write it in a transaction. That of the journal is, to be safe.
    pub(super) fn sync_part(&mut self, file: usize, mut choose: impl FnMut(usize) -> usize) {
        let keys = self.keys(file);
        for key in keys {
            let versions = self.pending.remove(&key).unwrap_or_default();
            let count = if key == (DATA, None) { versions.len() } else { choose(versions.len()) };
            if let Some(last) = count.checked_sub(1) {
                self.disk.apply(key, &versions[last]);
            }
        }
        self.disk.cut();
    }

    fn keys(&self, file: usize) -> Vec<Key> {
        let keys = self.pending.range((file, None)..=(file, Some(usize::MAX)));
        keys.map(|(key, _)| *key).collect()
    }

    /// The kernel drops the clean pages of a file.
    pub(super) fn evict(&mut self, file: usize) {
        for sector in 0..self.files[file].len().div_ceil(SECTOR) {
            if !self.pending.contains_key(&(file, Some(sector))) {
                let bytes = self.disk.sector((file, sector));
                let (start, end) = (sector * SECTOR, self.files[file].len());
                let end = end.min(start + SECTOR);
                self.files[file][start..end].copy_from_slice(&bytes[..end - start]);
            }
        }
    }

    /// The number of states that a power failure may leave, and of those sectors.
    fn count_states(&self) -> usize {
        self.pending
            .values()
            .fold(1, |count: usize, versions| count.saturating_mul(versions.len() + 1))
    }

    /// Passes the states that a power failure may leave to `found`: all, or `most` at random if
    /// there are more than `all`. `newest`: only those that have the last version of a key.
    pub(super) fn after_power_failures(
        &self,
        newest: Option<Key>,
        (all, most): (usize, usize),
        rng: &mut fastrand::Rng,
        mut found: impl FnMut(Disk),
    ) {
        let count = self.count_states();
        let numbers: Vec<usize> = match count <= all {
            true => (0..count).collect(),
            false => (0..most).map(|_| rng.usize(..)).collect(),
        };
        for number in numbers {
            let is_random = count > all;
            if let Some(disk) = self.state(number, newest, is_random) {
                found(disk);
            }
        }
    }

    /// The state with a number, unless it is known.
    fn state(&self, mut number: usize, newest: Option<Key>, is_random: bool) -> Option<Disk> {
        let mut chosen = Vec::with_capacity(self.pending.len());
        for (key, versions) in &self.pending {
            let mut count = number % (versions.len() + 1);
            number = match is_random {
                true => fastrand::Rng::with_seed(number as u64).usize(..),
                false => number / (versions.len() + 1),
            };
            if newest == Some(*key) && count != versions.len() {
                if !is_random {
                    return None;
                }
                count = versions.len();
            }
            chosen.extend(count.checked_sub(1).map(|last| (*key, &versions[last])));
        }
        let mut disk = self.disk.clone();
        chosen.into_iter().for_each(|(key, version)| disk.apply(key, version));
        Some(disk)
    }

    /// The key that has changed last is one of these.
    pub(super) fn sector_key(file: usize, at: usize) -> Key {
        (file, Some(at / SECTOR))
    }
}
