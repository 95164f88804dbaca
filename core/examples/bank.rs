//! A bank whose accounts survive `kill -9`: no confirmed transfer is lost, and none is half done.
//!
//! `cargo run --release --example bank -- FILE ROUNDS` kills a worker in each round, and prints
//! what the accounts have. Without ROUNDS it is the worker, which prints each transfer's number.
#![forbid(unsafe_code)]

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use safemap::{Access, Map, Options, Result};

const ACCOUNTS: usize = 100;

fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [path] => work(&open(Path::new(path))?, &mut io::stdout(), u64::MAX),
        [path, rounds] => supervise(path, rounds.parse().map_err(io::Error::other)?),
        _ => Err(io::Error::other("usage: bank FILE [ROUNDS]")),
    }
}

/// Opens the accounts, words of 8 bytes. The first word of the file counts the transfers.
pub(crate) fn open(path: &Path) -> Result<Map> {
    let mut options = Options::new();
    options.access(Access::Write).create(true).transactional(true);
    let bank = options.timeout(Duration::from_secs(10)).open(path)?;
    if bank.is_empty() {
        bank.resize(8 * (1 + ACCOUNTS))?;
    }
    Ok(bank)
}

/// Transfers amounts, and prints the number of each transfer after it is durable.
pub(crate) fn work(bank: &Map, output: &mut impl Write, transfers: u64) -> io::Result<()> {
    for step in 0..transfers {
        let payer = 1 + step as usize * 7 % ACCOUNTS;
        let number = transfer(bank, payer, 1 + payer * 31 % ACCOUNTS, 1 + step as i64 % 9)?;
        writeln!(output, "{number}")?;
    }
    Ok(())
}

/// Moves an amount from one account to another. An error undoes what was stored.
fn transfer(bank: &Map, payer: usize, payee: usize, amount: i64) -> Result<i64> {
    let transaction = bank.transaction()?;
    for (word, change) in [(payer, -amount), (payee, amount), (0, 1)] {
        bank.store(bank.load::<i64>(8 * word)? + change, 8 * word)?;
    }
    let number = bank.load(0)?;
    transaction.commit()?;
    Ok(number)
}

/// Returns the number of transfers, and the sum of all accounts.
pub(crate) fn look(path: &Path) -> Result<(i64, i64)> {
    let bank = Options::new().transactional(true).open(path)?;
    let _reading = bank.reading()?;
    let balances = (1..=ACCOUNTS).map(|word| bank.load::<i64>(8 * word));
    Ok((bank.load(0)?, balances.sum::<Result<i64>>()?))
}

fn supervise(path: &str, rounds: u64) -> io::Result<()> {
    for round in 0..rounds {
        open(Path::new(path))?.close()?;
        let mut worker = Command::new(env::current_exe()?);
        let mut worker = worker.arg(path).stdout(Stdio::piped()).spawn()?;
        thread::sleep(Duration::from_millis(20 + round * 7 % 50));
        worker.kill()?;
        worker.wait()?;
        let lines = worker.stdout.take().map(|lines| BufReader::new(lines).lines());
        let confirmed = lines.into_iter().flatten().map_while(io::Result::ok).last();
        let (count, sum) = look(Path::new(path))?;
        println!("{} confirmed, {count} in the file, sum {sum}", confirmed.unwrap_or_default());
    }
    Ok(())
}
