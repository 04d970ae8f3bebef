//! No file of `shared` needs itself through others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sandbox::template::root;
use syn::visit::{self, Visit};

use crate::structure::sources;

/// The path of a module below the crate: `["platform", "http"]`.
type Module = Vec<String>;

/// Which modules each module names.
type Graph = BTreeMap<Module, BTreeSet<Module>>;

/// The module that a file is: the folder, for `mod.rs`, and the crate, for `lib.rs`.
fn module(folder: &Path, file: &Path) -> Module {
    let below = file.strip_prefix(folder).unwrap().with_extension("");
    let parts = below.iter().map(|part| part.to_str().unwrap().to_owned());
    parts
        .filter(|part| !["mod", "lib"].contains(&part.as_str()))
        .collect()
}

/// The paths in a file's code, outside its tests. The declaration of a module (`mod x;`) is none.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Paths {
    fn of(text: &str) -> Self {
        let mut paths = Self::default();
        paths.visit_file(&syn::parse_file(text).unwrap());
        paths
    }

    fn add_uses(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_uses(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => self.0.push(with(&name.ident)),
            syn::UseTree::Rename(rename) => self.0.push(with(&rename.ident)),
            syn::UseTree::Glob(_) => self.0.push(before.to_vec()),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_uses(tree, before);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_uses(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter();
        let names: Vec<_> = segments.map(|segment| segment.ident.to_string()).collect();
        // One name alone is a variable or a type: outside `use`, a module is followed by an item.
        if names.len() > 1 {
            self.0.push(names);
        }
        visit::visit_path(self, path);
    }

    /// `pub(super)` uses nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}

/// The module whose file holds what `path` names in `from`. `None`: another crate's, or `from`'s
/// own.
fn target(path: &[String], from: &Module, modules: &BTreeSet<Module>) -> Option<Module> {
    let mut base = from.clone();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => (base, rest) = (Vec::new(), &path[1..]),
        "self" => rest = &path[1..],
        "super" => {
            while let [first, after @ ..] = rest
                && first == "super"
            {
                base.pop()?;
                rest = after;
            }
        }
        child if modules.contains(&[from.as_slice(), &[child.to_owned()]].concat()) => {}
        _ => return None,
    }
    let prefixes = (0..=rest.len()).rev();
    let named = prefixes
        .map(|length| [base.as_slice(), &rest[..length]].concat())
        .find(|prefix| modules.contains(prefix));
    named.filter(|named| named != from)
}

/// Which module names which, by the sources in a crate's `src`.
fn graph(files: &[(Module, String)]) -> Graph {
    let modules: BTreeSet<Module> = files.iter().map(|(module, _)| module.clone()).collect();
    let named = |(module, text): &(Module, String)| {
        let paths = Paths::of(text).0;
        let targets = paths
            .iter()
            .filter_map(|path| target(path, module, &modules));
        (module.clone(), targets.collect())
    };
    files.iter().map(named).collect()
}

/// The shortest way from a module through others back to itself.
fn way_back<'a>(graph: &'a Graph, start: &'a Module) -> Option<Vec<&'a Module>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in &graph[*way.last().unwrap()] {
                let way = [way.as_slice(), &[next]].concat();
                if next == start {
                    return Some(way);
                }
                if seen.insert(next) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}

/// The modules that need themselves through others, each with its way back.
fn circles(graph: &Graph) -> Vec<String> {
    let words = |way: Vec<&Module>| {
        let names: Vec<String> = way.iter().map(|module| module.join("::")).collect();
        names.join(" -> ")
    };
    let ways = graph.keys().filter_map(|module| way_back(graph, module));
    ways.map(words).collect()
}

#[test]
fn no_file_of_shared_needs_itself_through_others() {
    let folder = root().join("shared/src");
    let files: Vec<_> = sources(&folder)
        .into_iter()
        .map(|(path, text)| (module(&folder, &path), text))
        .collect();
    let graph = graph(&files);
    let arrows: usize = graph.values().map(BTreeSet::len).sum();
    assert!(arrows > 150, "{arrows}");
    assert_eq!(circles(&graph), [""; 0]);
}

#[test]
fn seeded_circles_are_found() {
    let found = |texts: &[(&str, &str)]| {
        let files: Vec<_> = texts
            .iter()
            .map(|(path, text)| {
                let module = path.split("::").filter(|part| !part.is_empty());
                (module.map(str::to_owned).collect(), (*text).to_owned())
            })
            .collect();
        circles(&graph(&files))
    };
    let (lib, room) = (("", "mod a; mod b;"), ("b", "mod c; pub use c::C;"));
    for sound in ["use crate::b::C;", "fn a(_: &super::b::c::C) {}", ""] {
        let below = ("b::c", "pub(super) struct C; fn d(b: u8) -> u8 { b }");
        assert_eq!(found(&[lib, room, ("a", sound), below]), [""; 0]);
    }
    for back in [
        "use crate::{a::A, x};",
        "use super::super::a::*;",
        "fn c(_: crate::a::A) {}",
    ] {
        let seeded = [lib, room, ("a", "use crate::b::c::C;"), ("b::c", back)];
        assert_eq!(found(&seeded), ["a -> b::c -> a", "b::c -> a -> b::c"]);
    }
    let of_its_parent = [lib, room, ("a", ""), ("b::c", "use super::D;")];
    assert_eq!(
        found(&of_its_parent),
        ["b -> b::c -> b", "b::c -> b -> b::c"]
    );
    let through_three = [
        lib,
        room,
        ("a", "use crate::b;"),
        ("b::c", "use crate::a::A;"),
    ];
    assert_eq!(found(&through_three).len(), 3);
    let only_in_tests = "#[cfg(test)] mod tests { use crate::a::A; }";
    let tested = [
        lib,
        room,
        ("a", "use crate::b::C;"),
        ("b::c", only_in_tests),
    ];
    assert_eq!(found(&tested), [""; 0]);
}
