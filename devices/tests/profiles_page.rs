//! `docs/profiles.md` shows exactly the kinds and models that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use portside_devices::library::Library;
use portside_devices::page::page;

#[test]
fn the_page_shows_the_kinds_and_models_that_there_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/profiles.md");
    let made = page(&Library::shipped());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(made.lines()).find(|(kept, made)| kept != made);
    assert!(
        kept == made,
        "docs/profiles.md is out of date at {differs:?}: run this test with BLESS=1 and read the change"
    );
}

/// New files of a folder do not make the binary be built again by themselves.
#[test]
fn the_binary_holds_every_profile_of_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut files = BTreeSet::new();
    for kind in fs::read_dir(&folder).unwrap() {
        for file in fs::read_dir(kind.unwrap().path()).unwrap() {
            let name = file.unwrap().path().with_extension("");
            files.insert(name.strip_prefix(&folder).unwrap().to_str().unwrap().replace('\\', "/"));
        }
    }
    let library = Library::shipped();
    let held: BTreeSet<String> = library.names().map(str::to_owned).collect();
    assert_eq!(held, files, "touch devices/src/library.rs and build again");
}
