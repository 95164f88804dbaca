//! LMDB, by the crate heed.

use std::{error::Error, path::Path};

use heed::{
    Database, Env,
    byteorder::BigEndian,
    types::{Bytes, U64},
};

use super::{Change, Changes, Commit};
use crate::{peers, run::GIB};

type Pages = Database<U64<BigEndian>, Bytes>;

/// A database with a value for each page.
pub(crate) fn commits(
    folder: &Path,
    values: &mut Changes,
) -> Result<Commit<'static>, Box<dyn Error>> {
    let env = peers::lmdb(folder, GIB)?;
    let mut transaction = env.write_txn()?;
    let pages: Pages = env.create_database(&mut transaction, None)?;
    transaction.commit()?;
    write(&env, pages, &values.all())?;
    Ok(Box::new(move |changes| write(&env, pages, changes).expect("change values")))
}

/// Stores each change, in a transaction.
fn write(env: &Env, pages: Pages, changes: &[Change<'_>]) -> heed::Result<()> {
    let mut transaction = env.write_txn()?;
    for &(page, bytes) in changes {
        pages.put(&mut transaction, &(page as u64), bytes)?;
    }
    transaction.commit()
}
