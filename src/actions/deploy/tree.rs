//! What Git has in a directory: the id that a file's bytes give, and which files of a list are there.

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::talk::Pause;
use crate::payload::Fields;

/// The hexadecimal digits of a SHA-1; repositories of the newer format have longer ids.
const SHA1_DIGITS: usize = 40;

/// One entry of a directory.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name there.
    pub(super) name: String,
    /// Its id.
    pub(super) id: String,
    /// Whether it is a directory.
    pub(super) is_directory: bool,
}

impl Entry {
    /// Those that an API lists.
    pub(super) fn listed(fields: &mut Fields<'_, '_>) -> Vec<Entry> {
        let entries = fields.objects("tree").into_iter().filter_map(|mut entry| {
            let is_directory = entry.text("type")? == "tree";
            Some(Entry { name: entry.text("path")?, id: entry.text("sha")?, is_directory })
        });
        entries.collect()
    }
}

/// The id that Git gives to these bytes, in the format that another id of the repository has.
pub(super) fn blob_id(bytes: &[u8], like: &str) -> String {
    fn of<D: Digest>(head: &str, bytes: &[u8]) -> String {
        hex::encode(D::new().chain_update(head).chain_update(bytes).finalize().as_slice())
    }
    let head = format!("blob {}\0", bytes.len());
    if like.len() > SHA1_DIGITS { of::<Sha256>(&head, bytes) } else { of::<Sha1>(&head, bytes) }
}

/// The directory that a file is in; empty for the uppermost.
pub(super) fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// The name of an entry, from the uppermost directory.
pub(super) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// The id of a file, where it was found.
pub(super) fn id_of<'f>(files: &'f [(String, String)], path: &str) -> Option<&'f str> {
    files.iter().find(|(known, _)| known == path).map(|(_, id)| id.as_str())
}

/// Those files that are there, by their paths, and their ids; found by listing directories from the uppermost down: those
/// that lead to a file and are there, each once. `list` is given a directory's id.
pub(super) fn found<'p>(
    root: &str,
    paths: impl Iterator<Item = &'p str>,
    mut list: impl FnMut(&str) -> Result<Vec<Entry>, Pause>,
) -> Result<Vec<(String, String)>, Pause> {
    let wanted: Vec<&str> = paths.collect();
    // What a directory is in comes before it.
    let mut leading = vec![""];
    for path in &wanted {
        for directory in path.match_indices('/').filter_map(|(at, _)| path.get(..at)) {
            if !leading.contains(&directory) {
                leading.push(directory);
            }
        }
    }
    let mut directories = vec![(String::new(), root.to_owned())];
    let mut files = Vec::new();
    for leads in leading {
        let Some(id) = id_of(&directories, leads).map(str::to_owned) else { continue };
        for entry in list(&id)? {
            let path = join(leads, &entry.name);
            if entry.is_directory {
                directories.push((path, entry.id));
            } else if wanted.contains(&path.as_str()) {
                files.push((path, entry.id));
            }
        }
    }
    Ok(files)
}
