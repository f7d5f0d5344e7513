//! Finding and reading the files.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The folder of everything deployed.
pub(crate) fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// A file's text.
pub(crate) fn text(file: &str) -> String {
    let path = deploy().join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every file, by its path from the folder, with its text.
pub(crate) fn all() -> Vec<(String, String)> {
    let (mut files, mut folders) = (Vec::new(), vec![deploy()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|it| it.to_str());
            if name == Some(".terraform") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(deploy()).expect("below");
            let text = fs::read_to_string(&path).expect("text");
            files.push((name.display().to_string(), text));
        }
    }
    files.sort();
    files
}

/// The documents of a YAML text, `<<` merged.
pub(crate) fn yaml(name: &str, text: &str) -> Vec<Value> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    documents.into_iter().map(merged).collect()
}

fn merged(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(merged).collect(),
        Value::Object(mut fields) => {
            let below = fields.remove("<<").map(merged);
            let mut all = Map::new();
            if let Some(Value::Object(below)) = below {
                all.extend(below);
            }
            all.extend(fields.into_iter().map(|(key, it)| (key, merged(it))));
            Value::Object(all)
        }
        other => other,
    }
}

/// The one document of a YAML file.
pub(crate) fn document(file: &str) -> Value {
    let mut documents = yaml(file, &text(file));
    assert_eq!(documents.len(), 1, "{file}");
    documents.remove(0)
}

/// The lines `NAME=value` of an environment file.
pub(crate) fn env_file(file: &str) -> Vec<(String, String)> {
    let text = text(file);
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|it| !it.is_empty() && !it.starts_with('#'));
    lines
        .map(|line| {
            let split = line.split_once('=');
            let (name, value) = split.unwrap_or_else(|| panic!("{file}: no NAME=value: {line}"));
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// The text at `pointer`, or a panic naming `what`.
#[track_caller]
pub(crate) fn at<'a>(value: &'a Value, pointer: &str, what: &str) -> &'a Value {
    let found = value.pointer(pointer);
    found.unwrap_or_else(|| panic!("{what}: there is no {pointer}"))
}

/// The items of a list; none, if it is not there.
pub(crate) fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    let found = value.pointer(pointer).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}
