//! The quick road: what nearly every call is, without a detour.
//!
//! A method here answers a call whose arguments are of the exact types and few, on a map that is open, of bytes that are there. For
//! all else it returns `None`, and has changed nothing or what comes out the same when it is done again: the ordinary road begins anew,
//! with conversions and exceptions.
//! So nothing here may run Python code, and nothing needs to know a text.
//!
//! The road is straight: no results that are moved about, nothing to drop. That is worth 30 to 50 instructions to each call, a tenth
//! of what a loop around `m[i]` takes with CPython's module.

use std::mem::MaybeUninit;

use pyo3::{prelude::*, types::PySlice};
use safemap::{Error, Map};

use crate::{
    buffer::{Answer, bytes_of, integer, minus_one, one_byte, one_int, parts, quick_bytes, short, small},
    error::raise,
    index::Places,
    mmap::{LONG, Mmap},
    search::from_end,
};

/// Searches look at so much before they give up. Whoever takes over looks at it again.
const NEAR: usize = 4096;

/// Lines up to this length are copied while their end is looked for. A search and a copy one after the other take a tenth more than
/// CPython's `readline`.
const LINE: usize = 256;

type Found = Option<Answer>;

/// Slots.
impl Mmap {
    #[inline]
    pub(crate) fn quick_len(&self, py: Python<'_>) -> Option<usize> {
        self.shelf.attempt(py, |map| Some(map.len()))
    }

    /// `mmap[index]`.
    #[inline]
    pub(crate) fn quick_item(&self, py: Python<'_>, index: &Bound<'_, PyAny>) -> Found {
        let index = small(index)?;
        let byte = self.shelf.attempt(py, |map| map.try_get(place(map, index)))?;
        Some(one_int(py, byte))
    }

    /// `mmap[start:stop:step]`.
    #[inline]
    pub(crate) fn quick_slice(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Found {
        match parts(key.cast::<PySlice>().ok()?)? {
            (start, stop, 1) => {
                let places = Places::new((start, stop, 1), self.quick_len(py)?);
                self.quick_copy(py, places.start, places.count)
            }
            parts => self.quick_gather(py, Places::new(parts, self.quick_len(py)?)),
        }
    }

    // Apart from the common case, for the sake of that.
    #[inline(never)]
    fn quick_gather(&self, py: Python<'_>, places: Places) -> Found {
        if places.count == 0 || places.span() >= LONG {
            return None;
        }
        quick_bytes(py, places.count, |room| {
            self.shelf.attempt(py, |map| map.gather(room, places.start, places.step).map(drop).ok())
        })
    }

    /// What iteration sees.
    #[inline]
    pub(crate) fn quick_single(&self, py: Python<'_>, index: isize) -> Found {
        let byte = self.shelf.attempt(py, |map| map.try_get(index as usize))?;
        Some(one_byte(py, byte))
    }

    /// `mmap[index] = value`.
    #[inline]
    pub(crate) fn quick_store(&self, py: Python<'_>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Option<()> {
        let (index, byte) = (small(index)?, u8::try_from(small(value)?).ok()?);
        self.shelf.attempt(py, |map| map.try_set(place(map, index), byte))
    }

    /// `mmap[start:stop:step] = bytes`.
    #[inline]
    pub(crate) fn quick_fill(&self, py: Python<'_>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Option<()> {
        let parts = parts(key.cast::<PySlice>().ok()?)?;
        let bytes = short(value)?;
        let (start, stop, 1) = parts else { return self.quick_scatter(py, parts, bytes) };
        let places = Places::new((start, stop, 1), self.quick_len(py)?);
        if places.count != bytes.len() {
            return None;
        }
        self.shelf.attempt(py, |map| map.write_at(bytes, places.start).ok())
    }

    #[inline(never)]
    fn quick_scatter(&self, py: Python<'_>, parts: (isize, isize, isize), bytes: &[u8]) -> Option<()> {
        let places = Places::new(parts, self.quick_len(py)?);
        if places.count != bytes.len() {
            return None;
        }
        self.shelf.attempt(py, |map| map.scatter(bytes, places.start, places.step).ok())
    }
}

/// Methods.
impl Mmap {
    #[inline]
    pub(crate) fn quick_tell(&self, py: Python<'_>) -> Found {
        (!self.shelf.is_closed()).then(|| integer(py, self.position()))
    }

    #[inline]
    pub(crate) fn quick_read_byte(&self, py: Python<'_>) -> Found {
        let at = self.position();
        let byte = self.shelf.attempt(py, |map| map.try_get(at))?;
        self.set_position(at + 1);
        Some(one_int(py, byte))
    }

    #[inline]
    pub(crate) fn quick_readline(&self, py: Python<'_>) -> Found {
        let (at, mut room) = (self.position(), [MaybeUninit::uninit(); LINE]);
        if let Some(line) = self.shelf.attempt(py, |map| map.try_until(b'\n', at, &mut room)) {
            self.set_position(at + line.len());
            return Some(bytes_of(py, line));
        }
        let newline =
            self.shelf.attempt(py, |map| map.find(b"\n", at..map.len().min(at.saturating_add(NEAR))).ok()?)?;
        self.quick_consume(py, at, newline + 1 - at)
    }

    #[inline]
    pub(crate) fn quick_read(&self, py: Python<'_>, given: &[Bound<'_, PyAny>]) -> Found {
        let [wanted] = numbers(given)?;
        let at = self.position();
        let left = self.quick_len(py)?.saturating_sub(at);
        self.quick_consume(py, at, usize::try_from(wanted).ok()?.min(left))
    }

    #[inline]
    pub(crate) fn quick_seek(&self, py: Python<'_>, given: &[Bound<'_, PyAny>]) -> Found {
        let [to] = numbers(given)?;
        let to = usize::try_from(to).ok().filter(|&to| self.quick_len(py).is_some_and(|len| to <= len))?;
        self.set_position(to);
        Some(integer(py, to))
    }

    #[inline]
    pub(crate) fn quick_write(&self, py: Python<'_>, given: &[Bound<'_, PyAny>]) -> Found {
        let [bytes] = given else { return None };
        let bytes = short(bytes)?;
        let at = self.position();
        self.shelf.attempt(py, |map| map.write_at(bytes, at).ok())?;
        self.set_position(at + bytes.len());
        Some(integer(py, bytes.len()))
    }

    #[inline]
    pub(crate) fn quick_write_byte(&self, py: Python<'_>, given: &[Bound<'_, PyAny>]) -> Found {
        let [byte] = numbers(given)?;
        let (at, byte) = (self.position(), u8::try_from(byte).ok()?);
        self.shelf.attempt(py, |map| map.try_set(at, byte))?;
        self.set_position(at + 1);
        Some(Answer::none(py))
    }

    #[inline]
    pub(crate) fn quick_find(&self, py: Python<'_>, given: &[Bound<'_, PyAny>]) -> Found {
        let (needle, start, end) = self.wanted(py, given)?;
        let near = end.min(start.saturating_add(NEAR));
        let found = self.shelf.attempt(py, |map| map.find(needle, start..near).ok())?;
        answer(py, found, near == end)
    }

    #[inline]
    pub(crate) fn quick_rfind(&self, py: Python<'_>, given: &[Bound<'_, PyAny>]) -> Found {
        let (needle, start, end) = self.wanted(py, given)?;
        let near = start.max(end.saturating_sub(NEAR));
        let found = self.shelf.attempt(py, |map| map.rfind(needle, near..end).ok())?;
        answer(py, found, near == start)
    }

    #[inline]
    pub(crate) fn quick_move(&self, py: Python<'_>, given: &[Bound<'_, PyAny>]) -> Found {
        let [to, from, count] = numbers(given)?.map(|number| usize::try_from(number).ok());
        let (to, from, count) = (to?, from?, count.filter(|&count| count < LONG)?);
        let moved = self.shelf.attempt(py, |map| match map.copy_within(from..from + count, to) {
            // A part was moved, perhaps over what is still to be read: there is no second try.
            Err(error @ Error::Fault { .. }) => Some(Err(error)),
            moved => moved.ok().map(Ok),
        })?;
        Some(moved.map_or_else(|error| Answer::raised(py, raise(error)), |()| Answer::none(py)))
    }
}

/// Parts of the road.
impl Mmap {
    /// As `copy_out`, of few bytes and at least one.
    #[inline]
    fn quick_copy(&self, py: Python<'_>, at: usize, count: usize) -> Found {
        if count == 0 || count >= LONG {
            return None;
        }
        quick_bytes(py, count, |room| self.shelf.attempt(py, |map| map.read_uninit_at(room, at).map(drop).ok()))
    }

    #[inline]
    fn quick_consume(&self, py: Python<'_>, at: usize, count: usize) -> Found {
        let bytes = self.quick_copy(py, at, count)?;
        self.set_position(at + count);
        Some(bytes)
    }

    /// The needle of a search, and the range.
    #[inline]
    fn wanted<'a>(&self, py: Python<'_>, given: &'a [Bound<'_, PyAny>]) -> Option<(&'a [u8], usize, usize)> {
        let len = self.quick_len(py)?;
        let bound = |i, default| given.get(i).map_or(Some(default), |it| small(it).map(|it| from_end(it, len)));
        let (start, end) = (bound(1, self.position())?, bound(2, len)?.min(len));
        let needle = short(given.first()?)?;
        (given.len() <= 3 && start <= end).then_some((needle, start, end))
    }
}

/// The arguments, if they are just so many numbers.
#[inline]
fn numbers<const N: usize>(given: &[Bound<'_, PyAny>]) -> Option<[isize; N]> {
    let given: &[_; N] = given.try_into().ok()?;
    let mut numbers = [0; N];
    for (number, object) in numbers.iter_mut().zip(given) {
        *number = small(object)?;
    }
    Some(numbers)
}

/// The place that an index means; far out of the map if there is none.
#[inline]
fn place(map: &Map, index: isize) -> usize {
    if index < 0 { map.len().wrapping_add_signed(index) } else { index as usize }
}

/// What a search returns that went over the `whole` range, or found something before its end.
#[inline]
fn answer(py: Python<'_>, found: Option<usize>, whole: bool) -> Found {
    match found {
        Some(at) => Some(integer(py, at)),
        None if whole => Some(minus_one(py)),
        None => None,
    }
}
