//! Methods of `Map` that call the operating system for its pages or its file.

mod access;
mod advise;
mod debug;
mod file;
mod flush;
mod pages;
mod populate;
