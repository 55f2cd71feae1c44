//! The operator's settings: the plugin takes what its schema describes, and names what is wrong.

use notifier_core::wasm::rehearsal::{Portrait, Scene};
use serde_json::{Map, Value, json};

use super::report::Group;
use super::schema;
use super::stage::Stage;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// That the schema is one, and that the settings of the file fit it.
pub(super) fn schema(stage: &Stage<'_>, portrait: &Portrait) -> Group {
    let mut group = Group::new("the settings schema is JSON Schema 2020-12, and the settings fit it");
    let schema = match serde_json::from_str::<Value>(&portrait.settings_schema) {
        Ok(schema @ Value::Object(_)) => schema,
        Ok(_) => {
            group.case("it is an object", Err("want a JSON object".into()));
            return group;
        }
        Err(error) => {
            group.case("it is JSON", Err(error.to_string()));
            return group;
        }
    };
    let dialect = match schema["$schema"].as_str() {
        None | Some(DIALECT) => Ok(()),
        Some(other) => Err(format!("`$schema` is {other}: want {DIALECT}")),
    };
    group.case("its dialect", dialect);
    group.case("its keywords", schema::check(&schema));
    let settings = stage.file.settings_of(stage.model.settings.as_ref());
    group.case("the settings of the file", schema::fits(&settings, &schema).map_err(|wrong| wrong.to_string()));
    for (name, property) in schema["properties"].as_object().unwrap_or(&Map::new()) {
        let is_described = property["description"].as_str().is_some_and(|text| !text.is_empty());
        let result = if is_described { Ok(()) } else { Err("it has no description".into()) };
        group.case(format!("the setting `{name}`"), result);
    }
    group
}

/// That the plugin itself refuses what does not fit, and says which setting is meant.
pub(super) fn refusals(stage: &Stage<'_>, portrait: &Portrait) -> Group {
    let mut group = Group::new("settings that are wrong are refused by name");
    let Ok(Value::Object(schema)) = serde_json::from_str(&portrait.settings_schema) else { return group };
    let settings = stage.file.settings_of(stage.model.settings.as_ref());
    let Value::Object(settings) = settings else { return group };
    group.case(
        "the settings of the file are taken",
        check(stage, &settings).and_then(|problems| match problems.as_slice() {
            [] => Ok(()),
            problems => Err(problems.join("\n")),
        }),
    );
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for name in required.iter().filter_map(Value::as_str) {
        let mut fewer = settings.clone();
        fewer.remove(name);
        group.case(format!("without `{name}`"), names(check(stage, &fewer), name));
    }
    let schema = Value::Object(schema);
    for (name, property) in schema["properties"].as_object().unwrap_or(&Map::new()) {
        for other in [json!(true), json!(-1.5), json!([7]), json!({ "a setting that there is not": 7 })] {
            if schema::fits(&other, property).is_ok() {
                continue;
            }
            let mut changed = settings.clone();
            changed.insert(name.clone(), other.clone());
            group.case(format!("`{name}` is {other}"), names(check(stage, &changed), name));
        }
    }
    if schema["additionalProperties"] == false {
        let mut more = settings;
        more.insert("no_such_setting".into(), json!(1));
        group.case("a setting that there is not", names(check(stage, &more), "no_such_setting"));
    }
    group
}

/// What the plugin finds wrong, as `setting: problem`.
fn check(stage: &Stage<'_>, settings: &Map<String, Value>) -> Result<Vec<String>, String> {
    let scene = Scene { settings: Value::Object(settings.clone()), ..stage.scene(stage.nobody()) };
    let problems = stage.rehearsal.check_settings(&scene).map_err(|error| error.to_string())?;
    Ok(problems.into_iter().map(|problem| problem.to_string()).collect())
}

fn names(problems: Result<Vec<String>, String>, setting: &str) -> Result<(), String> {
    let problems = problems?;
    if problems.iter().any(|problem| problem.contains(setting)) {
        return Ok(());
    }
    match problems.as_slice() {
        [] => Err("it is taken".into()),
        problems => Err(format!("refused, but `{setting}` is not named: {}", problems.join("; "))),
    }
}
