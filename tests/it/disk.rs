//! Files are written into a site's directory on a real disk: whole or not at all, where they belong, and nowhere else.
#![allow(clippy::disallowed_methods, reason = "a test may read and write files")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use presshook::content::Change;
use presshook::files::{FileError, Filed, Files, Task};
use presshook::native::files::Disk;

use crate::scratch::Scratch;

/// A site and what is around it.
struct Ground {
    scratch: Scratch,
    disk: Disk,
}

impl Ground {
    fn new(name: &str) -> Ground {
        let scratch = Scratch::new(&format!("disk-{name}"));
        fs::create_dir_all(scratch.path("site/posts")).expect("it is made");
        let disk = Disk::new(&scratch.file());
        Ground { scratch, disk }
    }

    fn does(&self, task: Task, changes: &[Change]) -> Filed {
        let files = Files { directory: Some(self.scratch.path("site")), task };
        self.disk.carry_out("default", &files, changes)
    }

    fn writes(&self, path: &str, text: &str) -> Filed {
        self.does(Task::Write, &[write(path, text)])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path("site").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect(name)
    }

    /// Every file, directory and link in and beside the site, but not what is kept beside the database.
    fn all(&self) -> Vec<String> {
        let root = self.scratch.path("");
        let (mut all, mut directories) = (Vec::new(), vec![root.clone()]);
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("it is read").map(|it| it.expect("it is read")) {
                let name = entry.path().strip_prefix(&root).expect("it is below").display().to_string();
                if entry.file_type().expect("a type").is_dir() {
                    directories.push(entry.path());
                }
                if !name.starts_with("inbox.db.") {
                    all.push(name);
                }
            }
        }
        all.sort();
        all
    }
}

fn write(path: &str, text: &str) -> Change {
    Change::Write { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn files_are_written_and_removed_with_the_directories_that_they_need() {
    let ground = Ground::new("plain");
    let picture = Change::Put { path: "posts/a/cover.png".to_owned(), bytes: vec![0, 159, 146, 150] };
    let changed = ground.does(Task::Write, &[write("posts/a/index.md", "a"), picture, write("b.md", "b")]);
    assert_eq!(changed.expect("it is written"), ["posts/a/index.md", "posts/a/cover.png", "b.md"]);
    assert_eq!(ground.read("posts/a/index.md"), "a");
    assert_eq!(fs::read(ground.path("posts/a/cover.png")).expect("it is read"), [0, 159, 146, 150]);
    // As any program writes a file.
    fs::write(ground.path("other"), "").expect("it is written");
    let mode = |name: &str| fs::metadata(ground.path(name)).expect(name).permissions().mode() & 0o777;
    assert_eq!(mode("b.md"), mode("other") & 0o644);
    assert_eq!(mode("posts/a"), mode("posts") & 0o755);
    // What its owner has made of a file's rights stays.
    fs::set_permissions(ground.path("b.md"), fs::Permissions::from_mode(0o660)).expect("it is set");
    ground.writes("b.md", "b, again").expect("it is written");
    assert_eq!((ground.read("b.md").as_str(), mode("b.md")), ("b, again", 0o660));

    let gone = |path: &str| Change::Remove { path: path.to_owned() };
    let gone =
        [gone("posts/a/index.md"), gone("posts/a/cover.png"), gone("posts/none.md"), gone("none/a.md")];
    assert_eq!(
        ground.does(Task::Write, &gone).expect("it is removed"),
        ["posts/a/index.md", "posts/a/cover.png"]
    );
    assert_eq!(ground.all(), ["site", "site/b.md", "site/other", "site/posts", "site/posts/a"]);
}

#[test]
fn a_file_that_is_as_it_should_be_is_not_touched() {
    let ground = Ground::new("same");
    ground.writes("posts/a.md", "a").expect("it is written");
    let file = fs::File::options().append(true).open(ground.path("posts/a.md")).expect("it is there");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).expect("it is set");
    let before = fs::metadata(ground.path("posts/a.md")).expect("it is there");
    assert!(ground.writes("posts/a.md", "a").expect("nothing is to do").is_empty());
    let after = fs::metadata(ground.path("posts/a.md")).expect("it is there");
    assert_eq!((before.ino(), before.mtime()), (after.ino(), after.mtime()));
    // Whoever has the old file open reads the old one to its end.
    assert_eq!(ground.writes("posts/a.md", "b").expect("it is written"), ["posts/a.md"]);
    assert_ne!(fs::metadata(ground.path("posts/a.md")).expect("it is there").ino(), before.ino());
}

#[test]
fn nothing_is_written_read_or_removed_outside_of_the_site() {
    let ground = Ground::new("outside");
    let outside = ground.scratch.path("outside");
    fs::create_dir_all(&outside).expect("it is made");
    fs::write(outside.join("a.md"), "outside").expect("it is written");
    symlink(&outside, ground.path("absolute")).expect("a link");
    symlink("../outside", ground.path("posts/relative")).expect("a link");
    symlink("posts", ground.path("inside")).expect("a link");
    symlink("/nowhere", ground.path("dangling")).expect("a link");
    let before = ground.all();
    let gone = |path: &str| Change::Remove { path: path.to_owned() };
    for (path, link) in [
        ("absolute/a.md", "absolute"),
        ("absolute/new/b.md", "absolute"),
        ("posts/relative/a.md", "posts/relative"),
        // One that its owner has made within the site: the message tells what to set.
        ("inside/a.md", "inside"),
        ("dangling/a.md", "dangling"),
    ] {
        let error = FileError::Link { path: link.to_owned() };
        assert_eq!(ground.writes(path, "in"), Err(error.clone()), "{path}");
        assert_eq!(ground.does(Task::Write, &[gone(path)]), Err(error), "{path}");
    }
    for path in [
        "../outside/a.md",
        "posts/../../outside/a.md",
        "/etc/a.md",
        "posts//a.md",
        "./a.md",
        "posts/..",
        "",
        ".git/hooks/post-merge",
        "posts/.GIT/config",
        "a\nb.md",
        "a\0b.md",
    ] {
        let error = FileError::Outside { path: path.to_owned() };
        assert_eq!(ground.writes(path, "in"), Err(error.clone()), "{path}");
        assert_eq!(ground.does(Task::Write, &[gone(path)]), Err(error), "{path}");
    }
    assert_eq!(ground.all(), before);
    assert_eq!(fs::read_to_string(outside.join("a.md")).expect("it is read"), "outside");
    // A link in a file's own place is not followed: the file takes its place.
    symlink(outside.join("a.md"), ground.path("posts/a.md")).expect("a link");
    ground.writes("posts/a.md", "in").expect("it is written");
    assert_eq!(fs::read_to_string(outside.join("a.md")).expect("it is read"), "outside");
    assert!(fs::symlink_metadata(ground.path("posts/a.md")).expect("it is there").is_file());
    // The site itself may be reached through one.
    symlink(ground.path(""), ground.scratch.path("link")).expect("a link");
    let files = Files { directory: Some(ground.scratch.path("link")), task: Task::Write };
    ground.disk.carry_out("default", &files, &[write("posts/b.md", "b")]).expect("it is written");
    assert_eq!(ground.read("posts/b.md"), "b");
}

#[test]
fn what_is_in_the_way_is_named_and_left_alone() {
    let ground = Ground::new("way");
    fs::create_dir_all(ground.path("posts/a.md/mine")).expect("it is made");
    fs::write(ground.path("file"), "mine").expect("it is written");
    let before = ground.all();
    let directory = FileError::Directory { path: "posts/a.md".to_owned() };
    assert_eq!(ground.writes("posts/a.md", "a"), Err(directory.clone()));
    let gone = Change::Remove { path: "posts/a.md".to_owned() };
    assert_eq!(ground.does(Task::Write, &[gone]), Err(directory));
    let file = FileError::File { path: "file".to_owned() };
    assert_eq!(ground.writes("file/a.md", "a"), Err(file.clone()));
    assert_eq!(ground.writes("file/more/a.md", "a"), Err(file));
    assert_eq!(ground.all(), before);
    assert_eq!(ground.read("file"), "mine");
    // A pipe that nobody writes to holds nothing up.
    let made =
        std::process::Command::new("mkfifo").arg(ground.path("posts/pipe.md")).status().expect("it runs");
    assert!(made.success());
    ground.writes("posts/pipe.md", "a").expect("it is written");
    assert_eq!(ground.read("posts/pipe.md"), "a");
}

#[test]
fn a_site_that_is_not_there_is_told() {
    let ground = Ground::new("none");
    fs::remove_dir_all(ground.path("")).expect("it is removed");
    let error = ground.writes("a.md", "a").expect_err("there is no site").to_string();
    let reason = "cannot be entered: No such file or directory (os error 2)";
    assert_eq!(error, format!("`SITE_DIR`, which is `{}`, {reason}", ground.scratch.path("site").display()));
}

#[test]
fn only_what_was_written_and_nobody_changed_is_set_aside_and_all_of_it_comes_back() {
    let ground = Ground::new("aside");
    let names = ["posts/a.md", "posts/b.md", "posts/c.md", "posts/d.md"];
    let changes: Vec<Change> = names.iter().map(|name| write(name, name)).collect();
    ground.does(Task::Write, &changes).expect("they are written");
    fs::write(ground.path("posts/mine.md"), "mine").expect("it is written");
    fs::write(ground.path("posts/b.md"), "mine").expect("it is written");
    fs::remove_file(ground.path("posts/c.md")).expect("it is removed");
    assert_eq!(ground.does(Task::SetAside, &[]).expect("it is set aside"), ["posts/a.md", "posts/d.md"]);
    assert_eq!(ground.all(), ["site", "site/posts", "site/posts/b.md", "site/posts/mine.md"]);
    assert_eq!(ground.does(Task::Note, &[]).expect("it is noted"), ["posts/a.md", "posts/d.md"]);
    fs::write(ground.path("posts/d.md"), "newer").expect("it is written");
    assert_eq!(ground.does(Task::PutBack, &[]).expect("it is put back"), ["posts/a.md"]);
    let now: Vec<String> = ["a", "b", "d", "mine"].map(|it| ground.read(&format!("posts/{it}.md"))).into();
    assert_eq!(now, ["posts/a.md", "mine", "newer", "mine"]);
    // Nothing is aside any more, and no text is kept.
    assert!(ground.does(Task::PutBack, &[]).expect("nothing is to do").is_empty());
    assert!(!ground.scratch.path("inbox.db.default.aside").exists());
    // What was changed by hand stays its owner's.
    assert_eq!(ground.does(Task::SetAside, &[]).expect("it is set aside"), ["posts/a.md"]);
    ground.does(Task::PutBack, &[]).expect("it is put back");
    // Until an article of that name comes again.
    ground.writes("posts/b.md", "event").expect("it is written");
    assert_eq!(ground.does(Task::SetAside, &[]).expect("it is set aside"), ["posts/a.md", "posts/b.md"]);
    // Nobody else reads what is kept.
    for name in ["inbox.db.default.aside", "inbox.db.default.written"] {
        let mode = fs::metadata(ground.scratch.path(name)).expect(name).permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

#[test]
fn what_a_cut_off_pull_left_aside_is_back_with_the_next_write() {
    let ground = Ground::new("left");
    ground.writes("posts/a.md", "one").expect("it is written");
    assert_eq!(ground.does(Task::SetAside, &[]).expect("it is set aside"), ["posts/a.md"]);
    // The server ended here, and its owner has switched the pull off since.
    ground.writes("posts/b.md", "two").expect("it is written");
    assert_eq!(ground.read("posts/a.md"), "one");
}

#[test]
fn a_write_that_was_cut_off_leaves_nothing_and_all_is_known() {
    let ground = Ground::new("cut");
    ground.writes("posts/a.md", "one").expect("it is written");
    // The second of two cannot be written: what came before it is there.
    fs::create_dir(ground.path("posts/b.md")).expect("it is made");
    ground
        .does(Task::Write, &[write("posts/a.md", "two"), write("posts/b.md", "b")])
        .expect_err("it is in the way");
    fs::remove_dir(ground.path("posts/b.md")).expect("it is removed");
    // Half a file of an earlier server is overwritten, and no build reads it.
    ground.writes("posts/b.md", "b").expect("it is written");
    let left: Vec<String> = ground.all().into_iter().filter(|it| it.contains("presshook")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(ground.does(Task::SetAside, &[]).expect("it is set aside"), ["posts/a.md", "posts/b.md"]);
}
