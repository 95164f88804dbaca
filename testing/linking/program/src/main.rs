//! Accesses a map whose file is truncated. Without an entry in the exception table, each of the
//! instructions that are inlined here would end the process by SIGBUS.
#![forbid(unsafe_code)]

use std::{env, fs, mem::MaybeUninit};

#[cfg(feature = "library")]
use linking_library::safemap;
use safemap::{Access, Error, Map, Options, Result, page_size};

fn main() {
    let path = env::temp_dir().join(format!("safemap-linking-{}", std::process::id()));
    let page = page_size();
    fs::write(&path, vec![7; 2 * page]).expect("write a temporary file");
    let map = Options::new().access(Access::Write).open(&path).expect("map a file");
    let file = fs::OpenOptions::new().write(true).open(&path).expect("open a file");
    file.set_len(page as u64).expect("truncate a file");
    fs::remove_file(&path).expect("remove a file");

    check(&map, page);
    std::thread::scope(|scope| {
        scope.spawn(|| check(&map, page));
    });
    println!("all accesses ended with the results that were expected");
}

fn check(map: &Map, page: usize) {
    assert!(matches!(accesses(map, 0, page - 64), Ok(())));
    for call in 0..CALLS {
        for before in [0, 3] {
            let result = access(map, call, page - before);
            assert!(
                matches!(result, Err(Error::Fault { offset }) if offset == page),
                "call {call}, {before} bytes before the end: {result:?}"
            );
        }
    }
}

const CALLS: usize = 9;

fn accesses(map: &Map, first: usize, at: usize) -> Result<()> {
    (first..CALLS).try_for_each(|call| access(map, call, at))
}

fn access(map: &Map, call: usize, at: usize) -> Result<()> {
    let view = map.view(..)?;
    match call {
        0 => map.load::<u64>(at).map(drop),
        1 => map.store(7_u32, at),
        2 => map.read_exact_at(&mut [0; 33], at),
        3 => map.write_at(&[7; 17], at),
        4 => view.load::<u32>(at).map(drop),
        5 => view.store(0x0707_0707_0707_0707_u64, at),
        6 => view.copy_to(&mut [0; 64], at),
        7 => map.gather(&mut [MaybeUninit::uninit(); 4], at, 1).map(drop),
        _ => map.find(&[9], at..at + 48).map(drop),
    }?;
    #[cfg(feature = "library")]
    linking_library::access(map, at)?;
    Ok(())
}
