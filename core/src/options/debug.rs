//! What `Debug` prints of the builder: the settings that were changed.

use std::{
    fmt::{Debug, Formatter, Result},
    time::Duration,
};

use super::Options;
use crate::{flags::Flags, ipc::Spin};

impl Debug for Options {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let on_damage = self.on_damage.is_some();
        let settings = [
            ("access", if_some(&self.access)),
            ("sharing", if_some(&self.sharing)),
            ("protection", if_some(&self.protection)),
            ("flags", unless(&self.flags, &Flags::default())),
            ("exact_flags", if_some(&self.exact_flags)),
            ("huge_pages", if_some(&self.huge_pages)),
            ("offset", unless(&self.offset, &0)),
            ("exact_offset", unless(&self.exact_offset, &false)),
            ("len", if_some(&self.len)),
            ("copy_limit", if_some(&self.copy_limit)),
            ("reserve", unless(&self.reserve, &0)),
            ("advise", if_some(&self.advice)),
            ("populate", unless(&self.populate, &false)),
            ("lock", unless(&self.lock, &false)),
            ("drop_behind", if_some(&self.drop_behind)),
            ("untracked", unless(&self.untracked, &false)),
            ("repair", unless(&self.repair, &false)),
            ("on_damage", unless(&on_damage, &false)),
            ("report_damage", unless(&self.report_damage, &false)),
            ("allocate", unless(&self.allocate, &false)),
            ("extend", unless(&self.extend, &false)),
            ("create", unless(&self.create, &false)),
            ("create_new", unless(&self.create_new, &false)),
            ("name", if_some(&self.name)),
            ("spin", unless(&self.spin, &Spin::default())),
            ("transactional", unless(&self.transactional, &false)),
            ("timeout", unless(&self.timeout, &Duration::ZERO)),
        ];
        let mut text = f.debug_struct("Options");
        for (name, setting) in settings {
            setting.map(|value| text.field(name, value));
        }
        text.finish()
    }
}

fn if_some<T: Debug>(setting: &Option<T>) -> Option<&dyn Debug> {
    setting.as_ref().map(|value| value as _)
}

fn unless<'a, T: Debug + PartialEq>(setting: &'a T, default: &T) -> Option<&'a dyn Debug> {
    (setting != default).then_some(setting as _)
}
