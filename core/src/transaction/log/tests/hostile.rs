//! Journals that were changed, cut, or written by an attacker.

use super::{
    super::{
        Change, Identity, Log, NewLen, OpenError, Seen, Which,
        epoch::Epoch,
        files::Files,
        hostile::{Memory, open_hostile_journal},
        layout::{RECORDS, SLOT},
        needs_recovery,
        readers::Need,
        record::Record,
    },
    IS_THOROUGH,
    explore::identity,
};
use crate::FormatError;

const PROGRAMS: u64 = if IS_THOROUGH { 8000 } else { 500 };

type Ranges<'a> = &'a [(u64, &'a [u8])];

/// A journal with a commit for each element, and its files.
fn committed(commits: &[(Ranges<'_>, Option<NewLen>)]) -> Memory {
    let memory = Memory::new(Vec::new(), 1000);
    let mut log = Log::create(&memory, identity()).expect("create a journal");
    for &(ranges, len) in commits {
        assert_eq!(log.commit(&Change { ranges, len }), Ok(()));
    }
    memory.take_writes();
    memory
}

fn three() -> Memory {
    committed(&[(&[(1, b"first")], None), (&[(2, b"second")], None), (&[(3, b"third")], None)])
}

fn cause(memory: &Memory) -> Option<FormatError> {
    match Log::open(memory, identity()) {
        Ok(_) => None,
        Err(OpenError::Format(cause)) => Some(cause),
        Err(OpenError::Files(never)) => match never {},
    }
}

#[test]
fn a_hostile_journal_changes_what_its_records_name_only() {
    for seed in 0..PROGRAMS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let len = rng.usize(..300);
        // Most bytes say that nothing rare happens.
        let bytes: Vec<u8> = (0..len).map(|_| rng.u8(..) & !u8::from(rng.u8(..6) > 0)).collect();
        open_hostile_journal(&bytes);
    }
}

/// The journal with a record that another program has written, with the right sum.
fn with_forged(words: [u64; 4], ranges: &[[u64; 2]], bytes: &[u8]) -> Memory {
    let memory = committed(&[]);
    let epoch = Epoch::current(&&memory).expect("an epoch").number;
    let [len, count, data_len, number] = words;
    let head = [[epoch, RECORDS], [len, count], [data_len, number]];
    let words = head.iter().chain(ranges).flatten().flat_map(|word| word.to_le_bytes());
    let summed: Vec<u8> = [0; 4].into_iter().chain(words).chain(bytes.iter().copied()).collect();
    let sum = crc32c::crc32c(&summed).to_le_bytes();
    let record = [b"\x89smcrec\n", &sum[..], &summed].concat();
    memory.journal.borrow_mut()[RECORDS as usize..][..record.len()].copy_from_slice(&record);
    memory
}

#[test]
fn numbers_that_overflow_are_no_record() {
    let right = with_forged([128, 1, 1000, 5], &[[990, 5]], b"bytes");
    assert_eq!(cause(&right), None);
    assert_eq!(right.take_writes(), [(990, 995)]);
    let len = u64::MAX - 63;
    let records = [
        with_forged([len, 0, 1000, len - 72], &[], b""),
        with_forged([128, u64::MAX / 16 + 2, 1000, 5], &[[990, 5]], b"bytes"),
        with_forged([128, 1, u64::MAX, 5], &[[u64::MAX - 5, 5]], b"bytes"),
        with_forged([128, 1, 1000, 5], &[[u64::MAX - 2, 5]], b"bytes"),
        with_forged([128, 1, 1000, 5], &[[990, 6]], b"bytes"),
        with_forged([128, 1, 1000, 5], &[[990, 4]], b"bytes"),
    ];
    for memory in records {
        assert_eq!(cause(&memory), None);
        assert_eq!(memory.take_writes(), []);
    }
}

#[test]
fn each_sequence_has_a_successor() {
    for sequence in [u64::MAX, u64::MAX - 1, i64::MAX as u64] {
        let memory = three();
        let mut slot = memory.journal.borrow()[..SLOT].to_vec();
        slot[16..24].copy_from_slice(&sequence.to_le_bytes());
        let sum = crc32c::crc32c(&slot[12..]);
        slot[8..12].copy_from_slice(&sum.to_le_bytes());
        memory.journal.borrow_mut()[..SLOT].copy_from_slice(&slot);
        assert_eq!(cause(&memory), None);
        assert_eq!(memory.take_writes().len(), 3);
        assert_eq!(cause(&memory), None);
        assert_eq!(memory.take_writes(), []);
    }
}

#[test]
fn a_journal_that_was_cut_in_its_last_record_is_an_error() {
    let memory = committed(&[(&[(0, &[7; 9000])], None)]);
    let len = memory.journal.borrow().len() as u64;
    memory.journal.borrow_mut().truncate(12_288);
    let required = RECORDS + 9088;
    assert!(required <= len);
    assert_eq!(cause(&memory), Some(FormatError::TooShort { len: 12_288, required }));
}

#[test]
fn a_torn_record_ends_the_epoch() {
    let memory = three();
    memory.journal.borrow_mut()[RECORDS as usize + 2 * 128 + 82] ^= 1;
    assert_eq!(cause(&memory), None);
    assert_eq!(memory.take_writes(), [(1, 6), (2, 8)]);
}

#[test]
fn a_damaged_record_before_others_is_an_error() {
    for at in 0..100 {
        let memory = three();
        memory.journal.borrow_mut()[RECORDS as usize + 128 + at] ^= 1;
        let expected = FormatError::DamagedRecord { offset: RECORDS + 128 };
        let is_padding = (64 + 16 + 6..).contains(&at);
        assert_eq!(cause(&memory), (!is_padding).then_some(expected), "byte {at}");
        assert_eq!(memory.take_writes().is_empty(), !is_padding);
    }
}

#[test]
fn a_journal_that_was_cut_is_an_error() {
    let full = three().journal.take();
    for len in (0..full.len()).step_by(512) {
        let memory = Memory::new(full[..len].to_vec(), 1000);
        let cause = cause(&memory);
        let is_expected = matches!(cause, Some(FormatError::TooShort { .. }));
        assert!(is_expected, "{len} bytes: {cause:?}");
    }
}

#[test]
fn a_file_of_another_program_is_refused() {
    let memory = Memory::new(b"a text".to_vec(), 1000);
    assert_eq!(cause(&memory), Some(FormatError::NotSafemap));
    assert_eq!(*memory.journal.borrow(), b"a text");
    let memory = Memory::new(vec![0; 20_000], 1000);
    assert_eq!(cause(&memory), Some(FormatError::DamagedHeader));
}

#[test]
fn a_journal_of_another_file_is_an_error_if_it_has_records() {
    let other = Identity::new(b"other").expect("it is short");
    let memory = three();
    let expected = OpenError::Format(FormatError::OtherFile);
    assert_eq!(Log::open(&memory, other).err(), Some(expected));
    let need = needs_recovery(&&memory, &other, &mut Seen::default());
    assert_eq!(need, Err(OpenError::Format(FormatError::OtherFile)));
    assert!(Log::open(&committed(&[]), other).is_ok());
}

#[test]
fn a_slot_that_does_not_count_may_be_damaged() {
    for at in [100, 511, 4096, 4200] {
        let memory = three();
        memory.journal.borrow_mut()[at] ^= 1;
        let expected = (at < 4096).then_some(FormatError::DamagedHeader);
        assert_eq!(cause(&memory), expected, "byte {at}");
    }
}

#[test]
fn bytes_behind_a_later_end_are_not_written() {
    let memory = committed(&[
        (&[(990, b"0123456789"), (10, b"kept")], None),
        (&[(0, b"cut")], Some(NewLen::Cut(994))),
        (&[(0, b"grown")], Some(NewLen::Grow(2000))),
        (&[(1500, b"far")], None),
        (&[(0, b"cut")], Some(NewLen::Cut(1501))),
    ]);
    assert_eq!(cause(&memory), None);
    assert_eq!(memory.take_writes(), [(990, 994), (10, 14), (0, 3), (0, 5), (1500, 1501), (0, 3)]);
    assert_eq!((&memory).len(Which::Data), Ok(1501));
}

#[test]
fn the_mark_of_another_record_is_none() {
    let memory = three();
    let mut seen = Seen::default();
    assert_eq!(needs_recovery(&&memory, &identity(), &mut seen), Ok(Need::No));
    assert!(seen.has_records());
    let mark = |index: usize| RECORDS as usize + index * 128 + 120;
    let first = memory.journal.borrow()[mark(0)..][..8].to_vec();
    memory.journal.borrow_mut()[mark(2)..][..8].copy_from_slice(&first);
    let need = needs_recovery(&&memory, &identity(), &mut Seen::default());
    assert_eq!(need, Ok(Need::Unfinished));
}

#[test]
fn bytes_of_a_record_are_not_a_record() {
    let memory = committed(&[]);
    let epoch = Epoch::current(&&memory).expect("an epoch").number;
    // A shorter record would end where these bytes are.
    let inner = Change { ranges: &[(0, b"evil")], len: None };
    let mut record = Record::new(&inner, 1000, epoch, RECORDS + 128);
    let mut bytes = vec![0; 128 - 64 - 16];
    let mut start = Vec::new();
    record.encode(&inner, &mut start);
    bytes.extend(start.iter().chain(b"evil"));
    bytes.resize(bytes.len() + record.padding() as usize, 0);
    let outer = Change { ranges: &[(100, &bytes)], len: None };
    let mut torn = Vec::new();
    let mut outer_record = Record::new(&outer, 1000, epoch, RECORDS);
    outer_record.encode(&outer, &mut torn);
    torn.extend(&bytes);
    torn[9] ^= 1;
    memory.journal.borrow_mut()[RECORDS as usize..][..torn.len()].copy_from_slice(&torn);
    let mut log = match Log::open(&memory, identity()) {
        Ok(log) => log,
        // It looks like a damaged record before another one.
        Err(error) => {
            let expected = FormatError::DamagedRecord { offset: RECORDS };
            return assert_eq!(error, OpenError::Format(expected));
        }
    };
    assert_eq!(log.commit(&Change { ranges: &[(0, b"good")], len: None }), Ok(()));
    memory.take_writes();
    assert_eq!(cause(&memory), None);
    assert_eq!(memory.take_writes(), [(0, 4)]);
}
