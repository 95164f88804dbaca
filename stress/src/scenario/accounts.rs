//! A file of accounts, one in each page, whose balances have the sum 0 after every transaction.
//!
//! The other bytes of a page follow from the number of the transaction that changed it last. So a
//! process that checks knows every byte.

use super::*;

const ACCOUNTS: u64 = 64;
/// Of the pages of accounts, and of the one before them.
pub(super) const LEN: usize = (ACCOUNTS as usize + 1) * PAGE;

/// In the first page: the number of the last transaction, and how many records are behind the
/// accounts.
const NUMBER: usize = 0;
const RECORDS: usize = 8;

/// In the page of an account.
const BALANCE: usize = 0;
const CHANGED: usize = 8;
const FILLING: usize = 16;
const FILLING_LEN: usize = 2500;

const RECORD: usize = 100;

/// Returns the number of the last transaction.
pub(super) fn number(map: &Map) -> safemap::Result<u64> {
    map.load(NUMBER)
}

/// Returns the same from the file: the first bytes that a commit writes.
pub(super) fn number_in(file: &fs::File) -> Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, NUMBER as u64)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Makes the changes of transaction `number`.
pub(super) fn change(map: &Map, number: u64) -> safemap::Result<()> {
    let mut rng = fastrand::Rng::with_seed(number);
    let changed = [1, 8, 32, 64][rng.usize(..4)];
    for _ in 0..changed {
        let amount = rng.u64(..);
        pay(map, number, rng.u64(..ACCOUNTS), amount)?;
        pay(map, number, rng.u64(..ACCOUNTS), amount.wrapping_neg())?;
    }
    let records: u64 = map.load(RECORDS)?;
    if rng.u8(..8) == 0 {
        map.write_growing(&record(records), end(records))?;
        map.store(records + 1, RECORDS)?;
    } else if rng.u8(..64) == 0 {
        map.store(0_u64, RECORDS)?;
    }
    map.store(number, NUMBER)
}

fn pay(map: &Map, number: u64, account: u64, amount: u64) -> safemap::Result<()> {
    let page = (account as usize + 1) * PAGE;
    let balance: u64 = map.load(page + BALANCE)?;
    map.store(balance.wrapping_add(amount), page + BALANCE)?;
    map.store(number, page + CHANGED)?;
    map.write_at(&filling(account, number), page + FILLING)
}

/// Cuts records from the file that no longer count.
pub(super) fn cut(map: &Map) -> safemap::Result<()> {
    let end = end(map.load(RECORDS)?);
    if map.len() > end { map.resize(end) } else { Ok(()) }
}

/// Checks all bytes, and returns the number of the last transaction.
pub(super) fn checked(map: &Map) -> safemap::Result<u64> {
    let number = number(map)?;
    let mut sum = 0_u64;
    for account in 0..ACCOUNTS {
        let page = (account as usize + 1) * PAGE;
        sum = sum.wrapping_add(map.load(page + BALANCE)?);
        let changed = map.load(page + CHANGED)?;
        assert!(changed <= number, "account {account}: change {changed} after {number}");
        let mut bytes = [0; FILLING_LEN];
        map.read_at(&mut bytes, page + FILLING)?;
        let expected = if changed == 0 { vec![0; FILLING_LEN] } else { filling(account, changed) };
        assert!(bytes[..] == expected, "account {account}, change {changed} is torn");
    }
    assert_eq!(sum, 0, "the balances after transaction {number}");
    for index in 0..map.load(RECORDS)? {
        assert_eq!(map.to_vec(end(index)..end(index + 1))?, record(index), "record {index}");
    }
    Ok(number)
}

/// Where the records end if there are so many.
fn end(records: u64) -> usize {
    LEN + records as usize * RECORD
}

fn record(index: u64) -> Vec<u8> {
    noise(!index, RECORD)
}

fn filling(account: u64, number: u64) -> Vec<u8> {
    noise(number << 8 | account, FILLING_LEN)
}
