//! The pages, one file each; their templates lie in `templates/`.

pub(crate) mod assets;
#[allow(
    dead_code,
    unused_imports,
    reason = "the pages that show charts come next"
)]
pub(crate) mod chart;
pub(crate) mod home;
