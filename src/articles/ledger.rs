//! Whose file each path of a target's site is, and of which version its text is: the table `files`. What the edits do
//! to the files is decided here, and what is to be noted of it.
//!
//! **Invariant:** an older event never overwrites a newer one. A path that was removed stays noted with the version of
//! its removal, so that an edit that is late does not bring it back.
//!
//! The translations of an article have one id, and each has a file. So an article is its item in its language; where
//! a removal names no language, it is meant for all of them.

use super::delivery::{Edit, Natural};
use super::pictures::{self, Pictures};
use crate::content::{self, ByPath, Change, ContentSettings, Owners, Planned};
use crate::event::Timestamp;
use crate::log::Code;
use crate::store::{Row, Statement, Unreadable, statement};

/// What is known of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    sort: Sort,
    /// The connection and the item's id.
    item: String,
    /// What tells it from every other, for [`Owners`].
    identity: String,
    language: String,
    version: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Article,
    /// A picture of an article.
    Picture,
    /// It was an article's, which is gone.
    Gone,
}

impl Sort {
    /// As it stands in the store, before the identity.
    const MARKS: [(Sort, char); 3] = [(Sort::Article, '='), (Sort::Picture, '+'), (Sort::Gone, '-')];
}

impl File {
    fn read(row: &Row) -> Result<(String, File), Unreadable> {
        let unreadable = || Unreadable { column: 2 };
        let mut text = row.text(2)?.chars();
        let mark = text.next().ok_or_else(unreadable)?;
        let (sort, _) = Sort::MARKS.into_iter().find(|it| it.1 == mark).ok_or_else(unreadable)?;
        let (identity, language) = text.as_str().split_once(' ').ok_or_else(unreadable)?;
        let file = File {
            sort,
            item: row.text(1)?.to_owned(),
            identity: identity.to_owned(),
            language: language.to_owned(),
            version: row.time(3)?,
        };
        Ok((row.text(0)?.to_owned(), file))
    }

    fn identity_text(&self) -> String {
        let mark = Sort::MARKS.into_iter().find(|it| it.0 == self.sort).map_or('=', |it| it.1);
        format!("{mark}{} {}", self.identity, self.language)
    }

    /// Whether it is of the article that an edit writes.
    fn is_of(&self, edit: &Edit<'_>, place: &Natural) -> bool {
        self.identity == place.identity || (self.item == edit.item && self.language == edit.language())
    }

    /// Whether a removal is meant for it.
    fn goes_with(&self, edit: &Edit<'_>) -> bool {
        match &edit.place {
            Ok(place) if self.identity == place.identity => true,
            Ok(_) | Err(_) => {
                self.item == edit.item && (edit.language().is_empty() || self.language == edit.language())
            }
        }
    }
}

/// The files that the edits are about, and what becomes of them.
pub(super) struct Ledger<'t> {
    target: &'t str,
    files: ByPath<File>,
    owners: Owners,
    /// The paths whose notes are to be written.
    touched: ByPath<()>,
    changes: ByPath<Change>,
}

impl<'t> Ledger<'t> {
    /// Reads what is known of the paths and the items of the edits.
    pub(super) fn reads(target: &str, edits: &[Edit<'_>]) -> Vec<Statement> {
        let list = |texts: Vec<&str>| serde_json::to_string(&texts).unwrap_or_default();
        let items = edits.iter().map(|it| it.item.as_str()).collect();
        let paths = edits.iter().filter_map(|it| Some(it.place.as_ref().ok()?.path.as_str())).collect();
        vec![
            statement(
                "SELECT path, item, identity, version FROM files \
                 WHERE target = ?1 AND item IN (SELECT value FROM json_each(?2))",
                [target.into(), list(items).into()],
            ),
            statement(
                "SELECT path, item, identity, version FROM files \
                 WHERE target = ?1 AND path IN (SELECT value FROM json_each(?2))",
                [target.into(), list(paths).into()],
            ),
        ]
    }

    pub(super) fn read(target: &'t str, rows: &[Vec<Row>]) -> Result<Ledger<'t>, Unreadable> {
        let (mut files, mut owners) = (ByPath::default(), Owners::default());
        for row in rows.iter().flatten() {
            let (path, file) = File::read(row)?;
            if file.sort != Sort::Gone {
                owners.claim(path.clone(), file.identity.clone());
            }
            files.insert(path, file);
        }
        Ok(Ledger { target, files, owners, touched: ByPath::default(), changes: ByPath::default() })
    }

    /// What is to be done with the files, those that are written first, and what is to be noted.
    pub(super) fn over(self) -> (Vec<Change>, Vec<Statement>) {
        let Ledger { target, files, touched, changes, .. } = self;
        let (mut ordered, mut removed) = (Vec::new(), Vec::new());
        for (_, change) in changes.into_vec() {
            let list = if matches!(change, Change::Remove { .. }) { &mut removed } else { &mut ordered };
            list.push(change);
        }
        ordered.append(&mut removed);
        let noted = touched.into_vec().into_iter().map(|(path, ())| match files.get(&path) {
            Some(file) => statement(
                "INSERT INTO files (target, path, item, identity, version) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (target, path) DO UPDATE SET item = ?3, identity = ?4, version = ?5",
                [
                    target.into(),
                    path.into(),
                    file.item.as_str().into(),
                    file.identity_text().into(),
                    file.version.into(),
                ],
            ),
            None => {
                statement("DELETE FROM files WHERE target = ?1 AND path = ?2", [target.into(), path.into()])
            }
        });
        let noted = noted.collect();
        (ordered, noted)
    }

    /// Does what an edit says, and tells what its owner should know.
    pub(super) fn apply(
        &mut self,
        settings: &ContentSettings,
        edit: &mut Edit<'_>,
        pictures: &Pictures<'_>,
    ) -> Vec<(Code, String)> {
        match (edit.writes, edit.place.clone()) {
            (true, Ok(place)) => self.write(settings, edit, &place, pictures),
            (false, place) => self.remove(edit, place),
            (true, Err(error)) => vec![(Code::ArticleRefused, error.to_string())],
        }
    }

    fn write(
        &mut self,
        settings: &ContentSettings,
        edit: &mut Edit<'_>,
        place: &Natural,
        pictures: &Pictures<'_>,
    ) -> Vec<(Code, String)> {
        let own: Vec<String> = self.paths(|file| file.is_of(edit, place));
        let newest = own.iter().filter_map(|path| self.files.get(path)).map(|it| it.version).max();
        if newest.is_some_and(|version| edit.version < version) {
            return Vec::new();
        }
        let mut told = Vec::new();
        let mut puts = Vec::new();
        if let Some(item) = edit.event.item.as_mut() {
            puts = pictures.beside(item, &edit.pictures, place, &mut |reason| {
                told.push((Code::ArticleNoted, reason));
            });
        }
        // A path that was its own is free for it, though its identity may be another by now.
        own.iter().for_each(|path| self.owners.release(path));
        let planned = content::change(settings, edit.source, &edit.event, &self.owners);
        let Planned { change, warnings, .. } = match planned {
            Ok(Some(planned)) => planned,
            Ok(None) => return told,
            Err(error) => {
                for path in &own {
                    self.claim(path);
                }
                return vec![(Code::ArticleRefused, error.to_string())];
            }
        };
        told.extend(warnings.into_iter().map(|it| (Code::ArticleNoted, it)));
        own.iter().for_each(|path| self.forget(path));
        let file = File {
            sort: Sort::Article,
            item: edit.item.clone(),
            identity: place.identity.clone(),
            language: edit.language().to_owned(),
            version: edit.version,
        };
        let directory = pictures::directory(change.path()).to_owned();
        self.note(change.path().to_owned(), file.clone(), change);
        for (name, bytes) in puts {
            let path = format!("{directory}{name}");
            let file = File { sort: Sort::Picture, ..file.clone() };
            self.note(path.clone(), file, Change::Put { path, bytes });
        }
        told
    }

    fn remove(
        &mut self,
        edit: &Edit<'_>,
        place: Result<Natural, content::ContentError>,
    ) -> Vec<(Code, String)> {
        let meant = self.paths(|file| file.goes_with(edit));
        for path in &meant {
            let Some(file) = self.files.get(path).filter(|it| it.version <= edit.version).cloned() else {
                continue;
            };
            let gone = File { sort: Sort::Gone, version: edit.version, ..file.clone() };
            match file.sort {
                Sort::Article => {
                    self.forget(path);
                    self.files.insert(path.clone(), gone);
                }
                Sort::Picture => self.forget(path),
                Sort::Gone => {
                    self.touched.insert(path.clone(), ());
                    self.files.insert(path.clone(), gone);
                }
            }
        }
        if !meant.is_empty() {
            return Vec::new();
        }
        // One that was written before there was a ledger, or by somebody else.
        match place {
            Err(error) => vec![(Code::ArticleRefused, error.to_string())],
            Ok(place) => {
                if self.owners.owner(&place.path).is_none() {
                    let gone = File {
                        sort: Sort::Gone,
                        item: edit.item.clone(),
                        identity: place.identity,
                        language: edit.language().to_owned(),
                        version: edit.version,
                    };
                    self.forget(&place.path);
                    self.files.insert(place.path, gone);
                }
                Vec::new()
            }
        }
    }

    fn paths(&self, which: impl Fn(&File) -> bool) -> Vec<String> {
        self.files.iter().filter(|(_, file)| which(file)).map(|(path, _)| path.to_owned()).collect()
    }

    /// A path is a file's from now on.
    fn note(&mut self, path: String, file: File, change: Change) {
        self.owners.claim(path.clone(), file.identity.clone());
        self.touched.insert(path.clone(), ());
        self.files.insert(path.clone(), file);
        self.changes.insert(path, change);
    }

    /// A path is nobody's any more; its file goes, unless it had gone before.
    fn forget(&mut self, path: &str) {
        self.owners.release(path);
        self.touched.insert(path.to_owned(), ());
        let before = self.files.remove(path);
        if before.is_none_or(|it| it.sort != Sort::Gone) {
            self.changes.insert(path.to_owned(), Change::Remove { path: path.to_owned() });
        }
    }

    /// A path is again whose it was.
    fn claim(&mut self, path: &str) {
        if let Some(file) = self.files.get(path).filter(|it| it.sort != Sort::Gone) {
            self.owners.claim(path.to_owned(), file.identity.clone());
        }
    }
}
