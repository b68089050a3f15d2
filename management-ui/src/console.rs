//! The pages, one file each; their templates lie in `templates/`.

pub(crate) mod assets;
pub(crate) mod home;
