"""The targets that `x.py cross` tries, what each needs, and which tests its emulator cannot run."""

import mmap
from collections import namedtuple

from tools import kernels
from tools.machine import Machine

# needs: what must be there besides the compiler, and the package that contains it.
# linker, zig: the program that links for it, or whether Zig does; without either nothing is linked.
# runner: the emulator, with `{}` for the page size; runs: whether its programs run here at all.
# has_maps: whether maps exist for it. Without them, Node runs calls that must fail.
# pages: page sizes to run the tests with, in bytes; None is the only one there is.
# unfit: tests that cannot run, and why. machines: emulated computers, which run all tests.
FIELDS = "name needs linker runner zig runs has_maps pages unfit machines"
DEFAULTS = [{}, None, None, False, True, True, (None,), {}, ()]


class Target(namedtuple("Target", FIELDS, defaults=DEFAULTS)):
    """A platform."""

    def unfit_with(self, page):
        """Tests that cannot run with pages of a size, and why."""
        is_larger = page and page > mmap.PAGESIZE
        return {**self.unfit, **({**LARGE_PAGES, **REPORTS} if is_larger else {})}


# What qemu's user-mode emulators cannot do. All tests pass where Linux itself answers.
ADVICE = dict.fromkeys(
    [
        "a_forked_child_does_not_unmap_what_is_where_the_page_was",
        "a_hole_in_the_file_reads_as_zeros",
        "a_map_for_writing_becomes_read_only_and_writable_again",
        "a_map_that_moves_can_remove_bytes_that_were_protected",
        "a_refused_resize_of_private_memory_keeps_the_protections",
        "bytes_of_guard_pages_are_not_removed",
        "bytes_of_maps_that_cannot_change_their_file_are_not_removed",
        "bytes_of_pages_that_forbid_writing_are_not_removed",
        "forks_of_other_threads_do_not_prolong_an_id",
        "linux::a_map_is_advised_and_locked_as_its_options_say",
        "populated_memory_is_resident_and_other_memory_is_not",
        "populating_reports_pages_that_a_file_has_lost",
        "removing_a_range_sets_exactly_its_bytes_to_zero",
        "residency_is_an_error_if_the_kernel_does_not_report_it",
        "the_addresses_of_a_dropped_map_are_inherited_by_what_is_mapped_there_next",
        "the_id_of_a_killed_process_ends_beside_its_children",
        "unknown_advice_is_refused",
        "with_a_page_no_clone_prolongs_an_id_and_no_close_ends_it",
    ],
    "qemu accepts unknown advice, and ignores some",
)
SANDBOXES = dict.fromkeys(
    [
        "accesses_use_no_descriptors_of_the_program_without_access_to_own_memory",
        "faults_are_reported_with_and_without_access_to_own_memory",
    ],
    "qemu refuses filters of system calls",
)
# Without them, the mask of an interrupted handler of the library is not recognised.
SETS = dict.fromkeys(
    ["masks::a_forwarded_signal_runs_with_the_mask_that_its_handler_asked_for"],
    "qemu leaves the signals 63 and 64 out of masks",
)
# SA_RESTART has an effect for other signals only.
RESTARTS = dict.fromkeys(
    [
        "masks::a_sent_signal_interrupts_a_system_call_as_its_handler_asked_for",
        "masks::an_ignored_signal_does_not_interrupt_a_system_call",
    ],
    "qemu restarts no system call that a SIGBUS interrupted",
)
# A handler that raises the signal again is recognised by the signal frame of the fault.
FRAMES = dict.fromkeys(
    [
        "restored::a_reporter_of_faults_in_external_code_does_not_end_the_process",
        "reporters::a_reporter_that_raises_the_signal_again_does_not_end_the_process",
        "copies::a_reporter_of_bus_errors_after_two_copies_does_not_end_the_process",
        "reporters::a_signal_raised_after_a_report_on_an_alternate_stack_terminates_the_process",
        "restored::a_signal_raised_after_a_report_on_an_alternate_stack_terminates_the_process",
        "restored::a_signal_raised_deeper_in_the_stack_after_a_report_terminates_the_process",
        "reporters::many_threads_fault_while_a_reporter_is_there",
    ],
    "qemu leaves the address of a SIGBUS out of the signal frame",
)
# The library asks about addresses that old signal frames on the stack contain.
MISSING = dict.fromkeys(
    [
        "restored::a_signal_raised_after_a_report_terminates_the_process",
        "restored::a_signal_raised_after_an_accessor_faulted_terminates_the_process",
        # Not each time.
        "copies::a_reporter_of_segmentation_faults_after_two_copies_does_not_end_the_process",
    ],
    "qemu aborts if a system call is given the address of a missing page",
)
# A snapshot of 16 TiB.
SPACE = dict.fromkeys(
    ["a_long_sparse_file_takes_no_memory_for_pieces_that_are_not_used"],
    "qemu has a record of each page of the address space",
)
# A child keeps the token of its parent alive. These tests need native accessors.
INHERITED = dict.fromkeys(
    ["a_child_of_a_killed_owner_does_not_keep_the_lock"],
    "qemu lets forked children inherit pages that are not to be inherited",
)
CLEARED = dict.fromkeys(
    ["a_child_without_fork_handlers_neither_commits_nor_waits"],
    "qemu lets forked children inherit pages that are to be cleared",
)
MOUNTS = dict.fromkeys(
    ["transaction::tests::limits::a_file_that_is_mounted_by_itself_is_refused"],
    "qemu does not say on which mount a file is",
)
ADDRESSES = dict.fromkeys(
    [
        "a_cut_during_a_restoration_is_recorded",
        "a_map_is_restored_when_the_file_has_grown_back",
        "a_map_that_was_remapped_is_repaired_at_its_new_address",
        "a_private_map_keeps_its_changed_pages_when_it_is_restored",
        "a_signal_handler_faults_during_a_repair_on_its_thread",
        "a_view_reports_damage_as_its_map_does",
        "damage_is_known_for_each_range",
        "damage_is_known_for_the_ranges_of_a_map_that_has_moved",
        "each_fault_is_counted_and_the_first_one_is_known",
        "external_code_reads_zeros_and_the_next_call_reports_the_offset",
        "external_code_writes_to_missing_pages_of_a_map_that_became_writable",
        "maps_are_created_and_dropped_while_threads_fault",
        "pages_that_were_repaired_are_not_inherited_either",
        "repair_follows_a_map_that_moves",
        "the_first_fault_of_a_map_is_reported_in_each_process",
        "the_hook_is_called_once_for_each_time_a_map_becomes_damaged",
        "without_the_setting_nothing_is_reported",
    ],
    "qemu swaps the halves of the fault address of a SIGBUS",
)
# With pages larger than this machine's. The emulated computer runs these tests with 16 KiB pages.
LARGE_PAGES = dict.fromkeys(
    [
        "a_bank_keeps_its_sum",
        "a_cut_during_a_restoration_is_recorded",
        "a_device_of_zeros_is_mapped_with_the_given_length",
        "a_file_grows_and_shrinks_with_its_map",
        "a_file_map_is_a_vector_with_a_position",
        "a_file_on_tmpfs_grows_by_bytes_that_another_map_stored_behind_its_end",
        "a_file_that_another_process_has_cut_gives_a_shorter_slice",
        "a_file_that_grows_by_small_steps_moves_rarely",
        "a_full_disk_is_an_error_and_changes_nothing",
        "a_journal_is_followed_while_it_grows",
        "a_map_for_reading_becomes_writable_if_its_file_is",
        "a_map_of_a_part_of_a_file_reports_offsets_in_the_map",
        "a_memory_file_grows_and_becomes_a_slice_without_a_copy",
        "a_process_whose_id_has_ended_stores_no_more",
        "a_reading_has_the_length_of_the_last_commit",
        "a_read_only_map_follows_a_file_that_grows",
        "a_synced_map_is_in_the_file_and_the_file_is_synced",
        "a_writer_that_is_killed_leaves_whole_records_and_a_part_of_one",
        "an_archive_grows_and_lists_its_members",
        "an_empty_file_can_grow",
        "appended_bytes_are_in_file_map_and_refreshed_maps",
        "calls_that_change_the_length_exclude_each_other",
        "each_reader_sees_each_record_once",
        "heat_spreads_and_is_not_lost",
        "in_place::neither_address_nor_bytes_change_within_the_reserve",
        "mapping_a_block_device_does_not_move_its_file_position",
        "maps_that_share_no_file_are_refused",
        "native::a_word_that_a_resize_has_cut_off_is_out_of_bounds",
        "programs_of_the_corpus_run_alike_on_a_map_and_on_its_model",
        "damage_is_known_for_the_ranges_of_a_map_that_has_moved",
        "random_programs_run_alike_on_a_map_and_on_its_model",
        "readers_continue_during_a_refresh",
        "records_are_changed_in_place_or_appended",
        "resize::tests::growing_before_writing_shows_zeros",
        "remapping_changes_the_length_of_a_map_and_not_of_its_file",
        "repair_follows_a_map_that_moves",
        "threads_append_in_turns",
        "within_the_reserve_the_address_stays",
        "writing_past_the_end_makes_the_map_longer",
    ],
    "qemu maps a file to the end of this machine's smaller page, and not at all if it is empty",
)
# With such pages, and on s390x: transactional maps ask the kernel for pages that were changed.
REPORTS = dict.fromkeys(
    [
        "programs_see_what_a_model_has",
        "sys::unix::private_pages::tests::exactly_the_pages_that_were_stored_to_are_reported",
        "sys::unix::private_pages::tests::pages_behind_the_end_of_the_file_are_not_reported",
        "transaction::tests::buffers::a_buffer_keeps_its_pages_and_the_next_commit_writes_"
        "what_was_stored_since",
        "transaction::tests::buffers::a_commit_that_lengthens_the_file_removes_nothing_"
        "that_another_program_has_appended",
        "transaction::tests::buffers::a_map_with_buffers_shows_what_another_program_has_appended",
        "transaction::tests::buffers::a_pointer_counts_until_the_next_resize",
        "transaction::tests::buffers::pages_that_the_program_has_locked_are_rolled_back",
        "transaction::tests::buffers::stores_through_a_slice_are_committed",
        "transaction::tests::buffers::stores_to_buffers_are_changes_like_others",
        "transaction::tests::threads::no_store_is_lost_beside_growth_and_moves",
        "transaction::tests::threads::no_store_is_lost_beside_short_loans",
        "transaction::tests::threads::no_store_to_a_buffer_is_lost",
    ],
    "qemu shows the list of this machine's pages (/proc/self/pagemap)",
)

AARCH64 = {
    "qemu-aarch64": "qemu-user",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "/usr/aarch64-linux-gnu/include/stdio.h": "libc6-dev-arm64-cross",
}
S390X = {
    "qemu-s390x": "qemu-user",
    "s390x-linux-gnu-gcc": "gcc-s390x-linux-gnu",
    "/usr/s390x-linux-gnu/include/stdio.h": "libc6-dev-s390x-cross",
}
# Not gcc-multilib, which conflicts with the other compilers.
I686 = {
    "i686-linux-gnu-gcc": "gcc-i686-linux-gnu",
    "/usr/i686-linux-gnu/include/stdio.h": "libc6-dev-i386-cross",
    "/lib/ld-linux.so.2": "libc6-i386",
    "/usr/lib32/libgcc_s.so.1": "lib32gcc-s1",
}
WASM = {"wasm-ld": "lld", "node": "nodejs"}
# Emulated computers. Signed pointers and long vectors are off, because their emulation is slow.
ARM_16K = Machine(
    "qemu-system-aarch64 -M virt -cpu max,pauth=off,sve=off",
    {"qemu-system-aarch64": "qemu-system-arm"},
    kernels.Kernel("arm64", "arm64-16k"),
    "/usr/aarch64-linux-gnu/lib",
    " with 16 KiB pages",
)
MAINFRAME = Machine(
    "qemu-system-s390x -M s390-ccw-virtio -cpu max",
    {"qemu-system-s390x": "qemu-system-misc"},
    kernels.Kernel("s390x", "s390x"),
    "/usr/s390x-linux-gnu/lib",
    is_slow=True,
)
NEEDS = (AARCH64, S390X, I686, WASM, kernels.NEEDS, ARM_16K.needs, MAINFRAME.needs)

TARGETS = [
    Target(
        "aarch64-unknown-linux-gnu",
        AARCH64,
        linker="aarch64-linux-gnu-gcc",
        runner="qemu-aarch64 -p {} -L /usr/aarch64-linux-gnu",
        pages=(4096, 65536),
        unfit={
            **ADVICE,
            **CLEARED,
            **FRAMES,
            **INHERITED,
            **MISSING,
            **MOUNTS,
            **SANDBOXES,
            **SPACE,
            **SETS,
            **RESTARTS,
        },
        machines=[ARM_16K],
    ),
    Target(
        "s390x-unknown-linux-gnu",
        S390X,
        linker="s390x-linux-gnu-gcc",
        runner="qemu-s390x -L /usr/s390x-linux-gnu",
        unfit={**ADVICE, **ADDRESSES, **CLEARED, **MOUNTS, **REPORTS, **SANDBOXES, **SPACE},
        machines=[MAINFRAME],
    ),
    Target("i686-unknown-linux-gnu", I686, linker="i686-linux-gnu-gcc"),
    Target("x86_64-unknown-linux-musl", zig=True),
    Target("aarch64-apple-darwin", zig=True, runs=False),
    Target("x86_64-apple-darwin", zig=True, runs=False),
    Target("x86_64-unknown-freebsd", zig=True, runs=False),
    Target("x86_64-unknown-netbsd", runs=False),
    Target("x86_64-unknown-openbsd", runs=False),
    Target("aarch64-linux-android", runs=False),
    # `x.py windows` tests x86_64-pc-windows-gnu. The linker of these two runs on Windows only.
    Target("x86_64-pc-windows-msvc", runs=False),
    Target("aarch64-pc-windows-msvc", runs=False),
    Target("wasm32-unknown-unknown", WASM, linker="wasm-ld", has_maps=False),
]
