//! SQLite with a write-ahead log that is synced by each commit.

use std::{error::Error, path::Path};

use rusqlite::Connection;

use super::{Change, Changes, Commit};

/// A table with a row for each page.
pub(crate) fn commits(
    folder: &Path,
    values: &mut Changes,
) -> Result<Commit<'static>, Box<dyn Error>> {
    let mut database = Connection::open(folder.join("sqlite"))?;
    let set = |name, value| database.pragma_update_and_check(None, name, value, |_| Ok(()));
    set("journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.execute_batch("CREATE TABLE pages (id INTEGER PRIMARY KEY, bytes BLOB)")?;
    write(&mut database, "INSERT INTO pages VALUES (?1, ?2)", &values.all())?;
    let update = "UPDATE pages SET bytes = ?2 WHERE id = ?1";
    Ok(Box::new(move |changes| write(&mut database, update, changes).expect("change rows")))
}

/// Executes a statement with each change, in a transaction.
fn write(
    database: &mut Connection,
    statement: &str,
    changes: &[Change<'_>],
) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    let mut prepared = transaction.prepare_cached(statement)?;
    for &(page, bytes) in changes {
        prepared.execute((page as i64, bytes))?;
    }
    drop(prepared);
    transaction.commit()
}
