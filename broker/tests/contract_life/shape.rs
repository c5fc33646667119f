//! What of a contract binds: names, order and types. Documentation does not.

use semver::Version;
use std::collections::BTreeMap;
use wit_parser::{
    Function, Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId, WorldId, WorldItem, WorldKey,
};

/// Name of a type or function, and how it is written.
type Items = BTreeMap<String, String>;

/// A package, as far as it binds.
pub(crate) struct Shape {
    pub(crate) version: Version,
    interfaces: BTreeMap<String, Items>,
    worlds: BTreeMap<String, World>,
}

/// Imports and exports: name and kind, or signature.
struct World {
    imports: Items,
    exports: Items,
}

impl Shape {
    pub(crate) fn read(text: &str) -> Self {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("policy.wit", text).unwrap();
        let package = &resolve.packages[package];
        let interface = |(name, id): (&String, &InterfaceId)| (name.clone(), items(&resolve, *id));
        let world = |(name, id): (&String, &WorldId)| (name.clone(), ports(&resolve, *id));
        Self {
            version: package.name.version.clone().unwrap(),
            interfaces: package.interfaces.iter().map(interface).collect(),
            worlds: package.worlds.iter().map(world).collect(),
        }
    }

    /// What of `then` is not as it was; empty where this version may follow it.
    pub(crate) fn breaks(&self, then: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.version < then.version {
            found.push(format!("{} is older than {}", self.version, then.version));
        }
        for (name, items) in &then.interfaces {
            match self.interfaces.get(name) {
                Some(now) => differences(name, items, now, true, &mut found),
                None => found.push(format!("interface {name}: gone")),
            }
        }
        for (name, world) in &then.worlds {
            let Some(now) = self.worlds.get(name) else {
                found.push(format!("world {name}: gone"));
                continue;
            };
            let of = |what: &str| format!("{what} of {name}");
            differences(
                &of("imports"),
                &world.imports,
                &now.imports,
                true,
                &mut found,
            );
            differences(
                &of("exports"),
                &world.exports,
                &now.exports,
                false,
                &mut found,
            );
            added_functions(&of("exports"), world, now, &mut found);
        }
        found
    }
}

/// A new export is an interface: a host can look for it as a whole, and does without.
fn added_functions(place: &str, then: &World, now: &World, found: &mut Vec<String>) {
    for (name, kind) in &now.exports {
        if !then.exports.contains_key(name) && kind != INTERFACE {
            found.push(format!("{place}: {name} is added and is no interface"));
        }
    }
}

fn differences(place: &str, then: &Items, now: &Items, closed: bool, found: &mut Vec<String>) {
    for (name, was) in then {
        match now.get(name) {
            None => found.push(format!("{place}: {name} is gone")),
            Some(is) if is != was => found.push(format!("{place}: {name} was {was} and is {is}")),
            Some(_) => {}
        }
    }
    if closed {
        let added = now.keys().filter(|name| !then.contains_key(*name));
        found.extend(added.map(|name| format!("{place}: {name} is added")));
    }
}

const INTERFACE: &str = "interface";

fn ports(resolve: &Resolve, id: WorldId) -> World {
    let port = |(key, item): (&WorldKey, &WorldItem)| {
        let name = match key {
            WorldKey::Name(name) => name.clone(),
            // Without the version, which a minor raises.
            WorldKey::Interface(id) => resolve.interfaces[*id].name.clone().unwrap(),
        };
        let kind = match item {
            WorldItem::Interface { .. } => INTERFACE.to_owned(),
            WorldItem::Function(function) => signature(resolve, function),
            WorldItem::Type { id, .. } => definition(resolve, *id),
        };
        (name, kind)
    };
    let world = &resolve.worlds[id];
    World {
        imports: world.imports.iter().map(port).collect(),
        exports: world.exports.iter().map(port).collect(),
    }
}

fn items(resolve: &Resolve, id: InterfaceId) -> Items {
    let interface = &resolve.interfaces[id];
    let types = interface.types.iter();
    let types = types.map(|(name, id)| (name.clone(), definition(resolve, *id)));
    let functions = interface.functions.iter();
    let functions = functions.map(|(name, one)| (name.clone(), signature(resolve, one)));
    types.chain(functions).collect()
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let arguments = function.params.iter();
    let arguments = arguments.map(|one| format!("{}: {}", one.name, typed(resolve, one.ty)));
    let arguments: Vec<_> = arguments.collect();
    let result = maybe(resolve, function.result);
    // The kind tells an async function from another.
    format!("{:?}({}) -> {result}", function.kind, arguments.join(", "))
}

fn maybe(resolve: &Resolve, is: Option<Type>) -> String {
    is.map_or_else(|| "_".to_owned(), |is| typed(resolve, is))
}

/// By its name, where it has one.
fn typed(resolve: &Resolve, is: Type) -> String {
    match is {
        Type::Id(id) => match &resolve.types[id].name {
            Some(name) => name.clone(),
            None => definition(resolve, id),
        },
        plain => format!("{plain:?}").to_lowercase(),
    }
}

fn definition(resolve: &Resolve, id: TypeId) -> String {
    let of = |is: &Type| typed(resolve, *is);
    let listed = |kind: &str, parts: Vec<String>| format!("{kind} {{ {} }}", parts.join(", "));
    let kind = &resolve.types[id].kind;
    match kind {
        TypeDefKind::Record(record) => {
            let field = |field: &wit_parser::Field| format!("{}: {}", field.name, of(&field.ty));
            listed("record", record.fields.iter().map(field).collect())
        }
        TypeDefKind::Variant(variant) => {
            let case =
                |case: &wit_parser::Case| format!("{}({})", case.name, maybe(resolve, case.ty));
            listed("variant", variant.cases.iter().map(case).collect())
        }
        TypeDefKind::Enum(is) => listed(
            "enum",
            is.cases.iter().map(|one| one.name.clone()).collect(),
        ),
        TypeDefKind::Flags(is) => listed(
            "flags",
            is.flags.iter().map(|one| one.name.clone()).collect(),
        ),
        TypeDefKind::Tuple(tuple) => listed("tuple", tuple.types.iter().map(of).collect()),
        TypeDefKind::Option(is) => format!("option<{}>", of(is)),
        TypeDefKind::List(is) => format!("list<{}>", of(is)),
        TypeDefKind::FixedLengthList(is, length) => format!("list<{}, {length}>", of(is)),
        TypeDefKind::Map(key, value) => format!("map<{}, {}>", of(key), of(value)),
        TypeDefKind::Result(is) => {
            format!(
                "result<{}, {}>",
                maybe(resolve, is.ok),
                maybe(resolve, is.err)
            )
        }
        TypeDefKind::Future(is) => format!("future<{}>", maybe(resolve, *is)),
        TypeDefKind::Stream(is) => format!("stream<{}>", maybe(resolve, *is)),
        TypeDefKind::Handle(Handle::Own(id)) => format!("own<{}>", of(&Type::Id(*id))),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", of(&Type::Id(*id))),
        TypeDefKind::Type(is) => format!("type {}", of(is)),
        TypeDefKind::Resource => "resource".to_owned(),
        TypeDefKind::Unknown => panic!("a type that is not resolved"),
    }
}
