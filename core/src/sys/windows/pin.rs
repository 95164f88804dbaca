//! Keeps the module that contains this copy of the crate loaded: the program or a DLL.
//!
//! The process calls the exception handler until it ends.

#![allow(unsafe_code)]

use std::{
    ptr,
    sync::atomic::{
        AtomicBool,
        Ordering::{Acquire, Release},
    },
};

use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};

/// Prevents `FreeLibrary` from unloading this module. Later calls do nothing.
pub(crate) fn this_object() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.load(Acquire) {
        let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
        let mut module = ptr::null_mut();
        // SAFETY: with this flag the second argument is an address in the module.
        unsafe { GetModuleHandleExW(flags, this_object as *const _, &raw mut module) };
        DONE.store(true, Release);
    }
}
