//! Tests of files that are whole or absent.

use super::*;

#[cfg(unix)]
#[test]
fn an_output_follows_a_link_and_leaves_no_litter_when_it_fails() {
    let dir = tempfile::tempdir().unwrap();
    let (target, link) = (dir.path().join("target"), dir.path().join("link"));
    fs::write(&target, b"old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    write_output(&link, b"new").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&target).unwrap(), b"new");
    fs::create_dir(dir.path().join("folder")).unwrap();
    assert!(write_output(&dir.path().join("folder"), b"x").is_err());
    assert!(check_output(&dir.path().join("folder")).is_err());
    assert!(check_output(&dir.path().join("none/x")).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[cfg(unix)]
#[test]
fn an_input_is_recognised_through_links_of_both_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("input"), b"x").unwrap();
    fs::write(at("other"), b"x").unwrap();
    std::os::unix::fs::symlink(at("input"), at("soft")).unwrap();
    fs::hard_link(at("input"), at("hard")).unwrap();
    let input = at("input");
    for name in ["input", "soft", "hard"] {
        assert_eq!(overwritten(&at(name), [input.as_path()]), Some(input.as_path()), "{name}");
    }
    assert_eq!(overwritten(&at("other"), [input.as_path()]), None);
    assert_eq!(overwritten(&at("new"), [input.as_path()]), None);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_whole_and_nothing_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    write_file(&path, b"a long first text").unwrap();
    write_file(&path, b"short").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"short");
    assert_eq!(names(folder.path()), ["a.txt"]);
}

#[test]
fn a_folder_is_written_once_and_never_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("step");
    write_folder(&path, &[("a", b"1"), ("b", b"2")]).unwrap();
    assert_eq!(names(&path), ["a", "b"]);
    let error = write_folder(&path, &[("c", b"3")]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(names(&path), ["a", "b"]);
}

#[test]
fn leftovers_of_a_killed_write_do_not_leak_into_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("step");
    let unfinished = temporary_beside(&path).unwrap();
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("half"), b"x").unwrap();
    write_folder(&path, &[("a", b"1")]).unwrap();
    assert_eq!(names(&path), ["a"]);
    assert_eq!(names(folder.path()), ["step"]);
}

#[test]
fn leftovers_are_removed_and_all_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(format!("{TEMPORARY}step"))).unwrap();
    fs::write(folder.path().join(format!("{TEMPORARY}file")), b"x").unwrap();
    fs::write(folder.path().join("kept"), b"x").unwrap();
    remove_leftovers(folder.path()).unwrap();
    assert_eq!(names(folder.path()), ["kept"]);
}

#[test]
fn a_removed_folder_is_gone_with_its_leftovers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("step");
    write_folder(&path, &[("a", b"1")]).unwrap();
    remove_folder(&path).unwrap();
    assert!(names(folder.path()).is_empty());
}
