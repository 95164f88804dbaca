//! The protections of the pages of a region that differ from those of its request.

use std::{
    io,
    iter::once,
    ops::Range,
    ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{Acquire, Release},
    },
};

use crate::flags::Protection;

/// Ranges of a region, in bytes from its start, sorted and disjoint.
///
/// A fork may copy this at any time. So each change makes another list and publishes it by one
/// store.
#[derive(Debug, Default)]
pub(crate) struct Protections(AtomicPtr<List>);

type List = Vec<(Range<usize>, Protection)>;

impl Protections {
    /// Records the protection of `range`, for a thread that excludes all others. `default` is the
    /// protection of the region's request.
    pub(crate) fn set(
        &self,
        range: Range<usize>,
        protection: Protection,
        default: Protection,
    ) -> io::Result<()> {
        let list = changed(self.list(), range, protection, default)?;
        let new = if list.is_empty() { ptr::null_mut() } else { Box::into_raw(Box::new(list)) };
        let old = self.0.swap(new, Release);
        // SAFETY: no other thread uses the list.
        unsafe { free(old) };
        Ok(())
    }

    /// Calls `protect` for each part of a region of `size` bytes.
    pub(crate) fn apply(
        &self,
        size: usize,
        default: Protection,
        protect: impl Fn(Range<usize>, Protection) -> io::Result<()>,
    ) -> io::Result<()> {
        let protect = |range: Range<usize>, protection| {
            if range.is_empty() { Ok(()) } else { protect(range, protection) }
        };
        let mut at = 0;
        for (range, protection) in self.list() {
            let range = range.start.min(size)..range.end.min(size);
            protect(at..range.start, default)?;
            at = range.end;
            protect(range, *protection)?;
        }
        protect(at..size, default)
    }

    /// Returns the first byte of `range` whose protection lacks `needed`.
    pub(crate) fn first_without(
        &self,
        needed: Protection,
        range: Range<usize>,
        default: Protection,
    ) -> Option<usize> {
        let mut at = range.start;
        if range.is_empty() {
            return None;
        }
        let list = self.list().iter().filter(|(part, _)| part.end > range.start);
        for (part, protection) in list.take_while(|(part, _)| part.start < range.end) {
            if at < part.start && !default.contains(needed) {
                return Some(at);
            }
            if !protection.contains(needed) {
                return Some(at.max(part.start));
            }
            at = part.end;
        }
        (at < range.end && !default.contains(needed)).then_some(at)
    }

    /// Ends ranges that end at `last`, or behind `end`, at `end`, and forgets those behind it.
    #[cfg(target_os = "linux")]
    pub(crate) fn fit(&mut self, last: usize, end: usize) {
        // SAFETY: null, or a list that `set` has published; it is borrowed mutably.
        let Some(list) = (unsafe { self.0.get_mut().as_mut() }) else { return };
        list.retain(|(range, _)| range.start < end);
        if let Some((range, _)) = list.last_mut().filter(|(it, _)| it.end == last || it.end > end) {
            range.end = end;
        }
    }

    fn list(&self) -> &[(Range<usize>, Protection)] {
        // SAFETY: null, or a list that `set` has published and not yet freed.
        unsafe { self.0.load(Acquire).as_ref() }.map_or(&[], Vec::as_slice)
    }
}

/// Returns the ranges of `list` after a change.
fn changed(
    list: &[(Range<usize>, Protection)],
    range: Range<usize>,
    protection: Protection,
    default: Protection,
) -> io::Result<List> {
    let first = list.partition_point(|(old, _)| old.end <= range.start);
    let end = list.partition_point(|(old, _)| old.start < range.end);
    let (replaced, rest) = (&list[first..end], &list[end..]);
    let before = replaced.first().map(|(old, kept)| (old.start..range.start, *kept));
    let after = replaced.last().map(|(old, kept)| (range.end..old.end, *kept));
    let new = before.into_iter().chain(once((range, protection))).chain(after);
    let new = new.filter(|(range, protection)| !range.is_empty() && *protection != default);
    let mut changed = List::new();
    changed.try_reserve_exact(list.len() + 2)?;
    changed.extend_from_slice(&list[..first]);
    changed.extend(new);
    changed.extend_from_slice(rest);
    Ok(changed)
}

/// # Safety
///
/// `list` is null or was made by `Protections::set`, and no thread uses it.
unsafe fn free(list: *mut List) {
    if !list.is_null() {
        // SAFETY: the caller's obligation.
        drop(unsafe { Box::from_raw(list) });
    }
}

impl Drop for Protections {
    fn drop(&mut self) {
        // SAFETY: this is the only user.
        unsafe { free(*self.0.get_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// The protections of 16 bytes, one by one.
    fn bytes(protections: &Protections) -> Vec<Protection> {
        let bytes = RefCell::new(vec![]);
        let append = |range: Range<usize>, protection| {
            assert_eq!(range.start, bytes.borrow().len());
            bytes.borrow_mut().resize(range.end, protection);
            Ok(())
        };
        protections.apply(16, Protection::WRITE, append).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn the_last_protection_of_each_byte_is_recorded() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2000 {
            let (protections, mut model) = (Protections::default(), vec![Protection::WRITE; 16]);
            for _ in 0..random.usize(..12) {
                let start = random.usize(..16);
                let range = start..random.usize(start + 1..=16);
                let all = [Protection::NONE, Protection::READ, Protection::WRITE];
                let protection = all[random.usize(..3)];
                protections.set(range.clone(), protection, Protection::WRITE).unwrap();
                model[range].fill(protection);
                assert_eq!(bytes(&protections), model);
                let (mut range, needed) =
                    (start..random.usize(start..=16), all[random.usize(1..3)]);
                let first = protections.first_without(needed, range.clone(), Protection::WRITE);
                assert_eq!(first, range.find(|&at| !model[at].contains(needed)));
            }
        }
    }
}
