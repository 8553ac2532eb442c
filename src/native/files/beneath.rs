//! Files below one directory, and nothing outside of it: each part of a path is opened from the one before, and no
//! symbolic link is followed. What is written is the whole file or nothing of it.
//!
//! The directory itself may be reached through links: its owner has named it. A link in the place of a file is not
//! followed either; the file that is written takes its place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::event::sha256;
use crate::files::FileError;

/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// A directory.
pub(super) struct Beneath(OwnedFd);

/// What lies in a file's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum There {
    Nothing,
    /// A file with bytes of this hash.
    File(String),
    Directory,
    /// A link, or what is neither.
    Other,
}

impl Beneath {
    pub(super) fn open(directory: &Path) -> Result<Beneath, FileError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = fs::openat(CWD, directory, flags, Mode::empty());
        opened.map(Beneath).map_err(|error| FileError::Site {
            path: directory.display().to_string(),
            reason: io::Error::from(error).to_string(),
        })
    }

    /// What lies at a path.
    pub(super) fn look(&self, path: &str) -> Result<There, FileError> {
        let Some((directory, name)) = self.place(path, false)? else { return Ok(There::Nothing) };
        // What waits for another process is not waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match fs::openat(&directory, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(There::Nothing),
            Err(Errno::LOOP | Errno::NXIO) => return Ok(There::Other),
            Err(error) => return Err(failed(path, error.into())),
        };
        let stat = fs::fstat(&file).map_err(|error| failed(path, error.into()))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::RegularFile {
            return hash(&mut File::from(file)).map(There::File).map_err(|it| failed(path, it));
        }
        Ok(if kind == FileType::Directory { There::Directory } else { There::Other })
    }

    /// A file, for reading.
    pub(super) fn read(&self, path: &str) -> Result<File, FileError> {
        let Some((directory, name)) = self.place(path, false)? else {
            return Err(failed(path, Errno::NOENT.into()));
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = fs::openat(&directory, name, flags, Mode::empty());
        file.map(File::from).map_err(|error| failed(path, error.into()))
    }

    /// Writes a file, and the directories above it. Whoever reads it meanwhile reads the old one or the new one, and
    /// after a crash it is one of them; the new one, once it is settled.
    pub(super) fn write(
        &self,
        path: &str,
        bytes: &[u8],
        modified: Option<SystemTime>,
    ) -> Result<(), FileError> {
        let Some((directory, name)) = self.place(path, true)? else {
            return Err(failed(path, Errno::NOENT.into()));
        };
        let old = fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW).ok();
        let kind = old.as_ref().map(|it| FileType::from_raw_mode(it.st_mode));
        if kind == Some(FileType::Directory) {
            return Err(FileError::Directory { path: path.to_owned() });
        }
        // No `.md`, so that no build reads it; of this path alone, so that what a crash left is found and goes.
        let beside = format!(".{:.16}.presshook", sha256([path.as_bytes()]));
        let _ = fs::unlinkat(&directory, &beside, AtFlags::empty());
        let write = || -> io::Result<()> {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut file = File::from(fs::openat(&directory, &beside, flags, Mode::from_raw_mode(0o644))?);
            if let (Some(old), Some(FileType::RegularFile)) = (&old, kind) {
                fs::fchmod(&file, Mode::from_raw_mode(old.st_mode & 0o777))?;
            }
            file.write_all(bytes)?;
            if let Some(modified) = modified {
                file.set_modified(modified)?;
            }
            // Before it takes the place: else the name could be on the disk before what it names.
            file.sync_all()?;
            Ok(fs::renameat(&directory, &beside, &directory, name)?)
        };
        write().map_err(|error| {
            let _ = fs::unlinkat(&directory, &beside, AtFlags::empty());
            failed(path, error)
        })
    }

    /// Removes a file; tells whether there was one. The directories above it stay, also where they are empty now: Git
    /// does not see them, and site generators expect those that are named in their settings.
    pub(super) fn remove(&self, path: &str) -> Result<bool, FileError> {
        let Some((directory, name)) = self.place(path, false)? else { return Ok(false) };
        match fs::unlinkat(&directory, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            // POSIX has the one, Linux the other.
            Err(Errno::PERM | Errno::ISDIR) if self.look(path)? == There::Directory => {
                Err(FileError::Directory { path: path.to_owned() })
            }
            Err(error) => Err(failed(path, error.into())),
        }
    }

    /// Sees to it that what was written and removed stays so. Each directory once: disks take their time for it.
    pub(super) fn settle<'p>(&self, paths: impl Iterator<Item = &'p str>) -> Result<(), FileError> {
        let above = |path: &'p str| (path.rsplit_once('/').map_or("", |(above, _)| above), path);
        for path in paths.map(above).collect::<BTreeMap<_, _>>().into_values() {
            if let Some((directory, _)) = self.place(path, false)? {
                fs::fsync(&directory).map_err(|error| failed(path, error.into()))?;
            }
        }
        Ok(())
    }

    /// The directory that a file lies in, and its name there; nothing if a directory is missing and none is to be made.
    fn place<'p>(&self, path: &'p str, make: bool) -> Result<Option<(OwnedFd, &'p str)>, FileError> {
        if !path.split('/').all(is_name) {
            return Err(FileError::Outside { path: path.to_owned() });
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |from: &OwnedFd, name: &str| fs::openat(from, name, flags, Mode::empty());
        let mut directory = open(&self.0, ".").map_err(|error| failed(path, error.into()))?;
        let Some((above, name)) = path.rsplit_once('/') else { return Ok(Some((directory, path))) };
        let mut upto = String::new();
        for part in above.split('/') {
            upto += part;
            let opened = match open(&directory, part) {
                Err(Errno::NOENT) if make => {
                    match fs::mkdirat(&directory, part, Mode::from_raw_mode(0o755)) {
                        // Somebody else was faster.
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(failed(path, error.into())),
                    }
                    fs::fsync(&directory).map_err(|error| failed(path, error.into()))?;
                    open(&directory, part)
                }
                opened => opened,
            };
            directory = match opened {
                Ok(next) => next,
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    let stat = fs::statat(&directory, part, AtFlags::SYMLINK_NOFOLLOW);
                    let kind = stat.map(|it| FileType::from_raw_mode(it.st_mode));
                    let is_link = kind == Ok(FileType::Symlink);
                    return Err(if is_link {
                        FileError::Link { path: upto }
                    } else {
                        FileError::File { path: upto }
                    });
                }
                Err(error) => return Err(failed(path, error.into())),
            };
            upto.push('/');
        }
        Ok(Some((directory, name)))
    }
}

/// Whether a part of a path names something within the directory before it, and nothing of Git's.
fn is_name(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
        && !part.eq_ignore_ascii_case(".git")
        && !part.contains(|it: char| it.is_control())
}

/// The hash of all that a file has.
pub(super) fn hash(file: &mut File) -> io::Result<String> {
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hex::encode(hash.finalize())),
            Ok(length) => hash.update(chunk.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A failure of the system, in an owner's words.
pub(super) fn failed(path: &str, error: io::Error) -> FileError {
    let (path, kind) = (path.to_owned(), error.kind());
    if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return FileError::NoSpace { path };
    }
    if matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
        return FileError::Denied { path };
    }
    if kind == io::ErrorKind::IsADirectory {
        return FileError::Directory { path };
    }
    FileError::Other { path, reason: error.to_string() }
}
