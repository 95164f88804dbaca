//! How long does a search take for bytes that do not occur?

use super::*;

pub(super) fn forwards(run: &Run) -> Outcome {
    for data in [Data::text(), Data::binary()] {
        for size in [64 * KIB, run.size(64 * MIB)] {
            let Maps { ours, theirs, .. } = Maps::new(&data, size)?;
            let private = theirs.to_vec();
            for len in [2, 3, 4, 8, 16, 64, 1000] {
                let needle = &data.absent(len)[..];
                Row::new(format!("{len} bytes, {} {}", sized(size), data.kind))
                    .time("safemap", || ours.find(needle, ..))
                    .time(SLICE, || memmem::find(&theirs, needle))
                    .time("glibc memmem", || peers::memmem(&theirs, needle))
                    .time("private + memchr", || memmem::find(&private, needle))
                    .aim(SLICE, 1.0 / 0.95)
                    .done(run);
            }
        }
    }
    Ok(())
}

pub(super) fn backwards(run: &Run) -> Outcome {
    let size = run.size(64 * MIB);
    for data in [Data::text(), Data::binary()] {
        let Maps { ours, theirs, .. } = Maps::new(&data, size)?;
        for len in [2, 8, 64, 1000] {
            let needle = &data.absent(len)[..];
            Row::new(format!("{len} bytes, {} {}", sized(size), data.kind))
                .time("safemap", || ours.rfind(needle, ..))
                .time(SLICE, || memmem::rfind(&theirs, needle))
                .aim(SLICE, 1.0 / 0.95)
                .done(run);
        }
    }
    Ok(())
}

pub(super) fn byte(run: &Run) -> Outcome {
    let data = Data::text();
    for size in [100, 4 * KIB, 64 * KIB, MIB, run.size(64 * MIB)] {
        let Maps { ours, theirs, .. } = Maps::new(&data, size)?;
        let private = theirs.to_vec();
        Row::new(format!("find, {}", sized(size)))
            .time("safemap", || ours.find(&[ABSENT], ..))
            .time(SLICE, || memchr(ABSENT, &theirs))
            .time("private + memchr", || memchr(ABSENT, &private))
            .aim(SLICE, 1.0)
            .done(run);
        Row::new(format!("rfind, {}", sized(size)))
            .time("safemap", || ours.rfind(&[ABSENT], ..))
            .time(SLICE, || memrchr(ABSENT, &theirs))
            .time("private + memchr", || memrchr(ABSENT, &private))
            .aim(SLICE, 1.0)
            .done(run);
    }
    let Maps { ours, theirs, .. } = Maps::new(&data, MIB)?;
    let [mut at0, mut at1] = [0; 2].map(|_| Offsets::below(256 * KIB, 1));
    Row::new("find, a line's end from anywhere in it")
        .time("safemap", || ours.find(b"\n", at0.next()..))
        .time(SLICE, || memchr(b'\n', &theirs[at1.next()..]))
        .aim(SLICE, 1.0)
        .done(run);
    Ok(())
}
