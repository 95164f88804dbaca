//! Adds files to a tar archive through a map that grows, and lists what the archive contains.
//!
//! Run it with `cargo run --release --example archive -- ARCHIVE [FILE ...]`.
#![forbid(unsafe_code)]

use std::{env, ffi::OsString, fs::File, io, path::Path};

use safemap::{Access, Map, Options};

fn main() -> io::Result<()> {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let [archive, files @ ..] = &arguments[..] else {
        return Err(io::Error::other("usage: archive ARCHIVE [FILE ...]"));
    };
    let map = Options::new().access(Access::Write).create(true).open(archive)?;
    add(&map, files)?;
    members(&map)?.iter().for_each(|(name, size)| println!("{size:>12} {name}"));
    Ok(())
}

/// Appends files. Their members are complete before they become part of the archive.
pub(crate) fn add(map: &Map, files: &[impl AsRef<Path>]) -> io::Result<()> {
    for file in files {
        let mut member = tar::Builder::new(Vec::new());
        let name = file.as_ref().file_name().ok_or(io::ErrorKind::InvalidInput)?;
        member.append_file(name, &mut File::open(file)?)?;
        let member = member.into_inner()?;
        // Two blocks of zeros end an archive; the next member replaces them.
        map.write_growing(&member, map.len().saturating_sub(1024))?;
    }
    Ok(())
}

/// Returns names and sizes.
pub(crate) fn members(map: &Map) -> io::Result<Vec<(String, u64)>> {
    let mut archive = tar::Archive::new(map.cursor());
    let members = archive.entries_with_seek()?;
    members.map(|it| it.and_then(|it| Ok((it.path()?.display().to_string(), it.size())))).collect()
}
