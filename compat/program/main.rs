//! A program that depends on memmap2 0.9, and knows no other crate: it maps a file, another process
//! cuts the file, and the program sums the slice.

use std::{env, fs::OpenOptions, io};

use memmap2::Mmap;

fn main() -> io::Result<()> {
    let path = env::temp_dir().join(format!("memmap2-cut-{}", std::process::id()));
    std::fs::write(&path, [1; 100_000])?;
    let file = OpenOptions::new().read(true).write(true).open(&path)?;
    std::fs::remove_file(&path)?;

    let map = unsafe { Mmap::map(&file)? };
    println!("sum {}", map.iter().map(|&byte| u64::from(byte)).sum::<u64>());
    file.set_len(0)?;
    println!("sum {}", map.iter().map(|&byte| u64::from(byte)).sum::<u64>());
    Ok(())
}
