//! The attributes of an item, by their path.

use serde_json::{Map, Value};

/// An item, in `DynamoDB` JSON.
pub type Item = Map<String, Value>;

pub(super) fn found<'a>(item: &'a Item, path: &[String]) -> Option<&'a Value> {
    let (last, parents) = path.split_last()?;
    parents
        .iter()
        .try_fold(item, |map, name| map.get(name)?["M"].as_object())?
        .get(last)
}

fn place<'a>(item: &'a mut Item, parents: &[String]) -> Option<&'a mut Item> {
    parents.iter().try_fold(item, |map, name| {
        map.get_mut(name)?.get_mut("M")?.as_object_mut()
    })
}

pub(super) fn set(item: &mut Item, path: &[String], value: Value) -> Result<(), String> {
    let (last, parents) = path.split_last().ok_or("a path is missing")?;
    let place = place(item, parents).ok_or("the path in the update is not valid for this item")?;
    place.insert(last.clone(), value);
    Ok(())
}

pub(super) fn remove(item: &mut Item, path: &[String]) {
    if let Some((last, parents)) = path.split_last()
        && let Some(place) = place(item, parents)
    {
        place.remove(last);
    }
}
