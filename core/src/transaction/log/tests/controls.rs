//! Each step of the protocol is left out, or done too early or too late. A loss must be found.
//!
//! One step has no control: R2 writes the slot again. That helps only if the disk destroys the
//! sector of the other slot while it writes it, and these disks do not.

use super::{
    IS_THOROUGH,
    explore::Watch,
    faults::{self, Call, MANY},
    machine::Fault,
    process::Control::{self, *},
    program,
};

/// Random programs.
fn random(control: Control) -> Option<String> {
    let watch = Watch { depth: 2, all: 128, most: 12, deeper: 60, kills: 6 };
    (0..100).find_map(|seed| program::run(seed, control, watch, 8).failure.take())
}

/// A call whose operation with this number fails, and as many as `count` in a row.
fn with_fault(control: Control, call: Call, after: usize, count: usize) -> Option<String> {
    let fault = Fault { after, count };
    (0..400).find_map(|seed| faults::run(seed, control, call, fault, MANY).failure.take())
}

macro_rules! finds {
    ($($name:ident: $control:expr, $search:ident $(($($argument:expr),*))?;)*) => {
        $(#[test]
        fn $name() {
            // What the tests can find does not depend on the platform.
            if IS_THOROUGH {
                assert_ne!($search($control $(, $($argument),*)?), Option::None);
            }
        })*
    };
}

finds! {
    a_record_is_synced: NoRecordSync, random;
    a_record_is_synced_before_it_is_applied: ApplyFirst, random;
    a_record_is_marked_after_it_is_applied: MarkFirst, random;
    a_record_is_marked: NoMark, random;
    a_longer_journal_is_synced: NoGrowthSync, with_fault(Call::Long, 0, 0);
    a_checkpoint_syncs_the_data: NoDataSync, random;
    a_checkpoint_syncs_the_data_first: LateDataSync, random;
    a_checkpoint_syncs_the_slot: NoSlotSync, random;
    an_epoch_has_a_new_number: SameEpoch, random;
    readers_see_a_failed_sync: NoFailed, with_fault(Call::Checkpoint, 0, 1);
    a_recovery_writes_the_record_again: NoRewrite, with_fault(Call::Commit, 2, 2);
    a_recovery_syncs_the_record: NoRewriteSync, with_fault(Call::Commit, 2, 2);
    a_recovery_applies_marked_records: OnlyUnmarked, random;
    a_recovery_writes_equal_bytes: OnlyDifferent, with_fault(Call::Checkpoint, 0, 1);
    a_recovery_syncs_the_data: NoRecoverySync, random;
    a_recovery_syncs_the_slot: NoSlotSyncInRecovery, random;
    readers_see_an_unfinished_recovery: NoUnsettled, random;
    readers_see_a_start_of_the_system: SameBoot, random;
    an_opening_syncs_what_others_wrote: NoBaseSync, random;
    a_new_journal_is_synced: NoCreationSync, random;
    a_new_journal_is_complete_before_it_has_its_name: EarlyName, random;
    the_name_of_the_journal_is_synced: NoNameSync, random;
}
