//! What a source may be: bounded before it is parsed, and made of known forms only afterwards.
//!
//! The parser is recursive, backtracks, and counts lines from the start for every expression. Its time and stack are
//! therefore bounded by bounds on what it is given.

use handlebars::Template as Parsed;
use handlebars::template::{HelperTemplate, Parameter, TemplateElement};

use super::functions::{BLOCK_NAMES, BlockHelper, VALUE_NAMES, ValueHelper};

/// How deep blocks may nest, and loops among them.
const BLOCK_DEPTH_MAX: usize = 16;
const LOOP_DEPTH_MAX: usize = 2;
/// Bytes from `{{` to `}}`.
const EXPRESSION_BYTES_MAX: usize = 512;
/// Opening `(`, `[` and `{` in one expression.
const EXPRESSION_BRACKETS_MAX: usize = 16;
/// The parser looks at each backslash of a row again from each of them.
const BACKSLASHES_MAX: usize = 8;

/// Parses a source of at most so many bytes and expressions.
pub(super) fn parse(source: &str, bytes_max: usize, expressions_max: usize) -> Result<Parsed, String> {
    if source.len() > bytes_max {
        return Err(format!("{} bytes; at most {bytes_max}", source.len()));
    }
    if source.contains(&"\\".repeat(BACKSLASHES_MAX + 1)) {
        return Err(format!("at most {BACKSLASHES_MAX} backslashes may follow each other"));
    }
    check_expressions(source, expressions_max)?;
    let parsed = Parsed::compile(source).map_err(|error| {
        let place = error.pos().map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default();
        format!("not a valid template: {}{place}", error.reason())
    })?;
    check_elements(&parsed, 0, 0)?;
    Ok(parsed)
}

/// Bounds what stands between `{{` and `}}`, without understanding it.
fn check_expressions(source: &str, expressions_max: usize) -> Result<(), String> {
    let (mut at, mut count, mut depth) = (0, 0, 0_usize);
    while let Some(start) = source[at..].find("{{").map(|found| at + found) {
        count += 1;
        if count > expressions_max {
            return Err(format!("more than {expressions_max} expressions (`{{{{…}}}}`)"));
        }
        let body = &source[start + 2..];
        // One backslash makes it text; of two, the first one does that to the second.
        let before = source[..start].bytes().rev().take_while(|byte| *byte == b'\\').count();
        if before == 1 {
            at = start + 2;
            continue;
        }
        if body.starts_with("{{") {
            return Err("raw blocks (`{{{{…}}}}`) are not available".into());
        }
        let is_long_comment = body.strip_prefix('!').is_some_and(|text| text.trim_start().starts_with("--"));
        let end_mark = if is_long_comment { "--}}" } else { "}}" };
        let end =
            body.find(end_mark).ok_or_else(|| format!("`{{{{` without `{end_mark}` ({})", place(source, start)))?;
        let inner = &body[..end];
        if !body.starts_with('!') {
            check_expression(inner).map_err(|problem| format!("{problem} ({})", place(source, start)))?;
            match inner.trim_start_matches(['~', ' ']).bytes().next() {
                Some(b'#') => depth += 1,
                Some(b'/') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > BLOCK_DEPTH_MAX {
                return Err(format!("blocks nest deeper than {BLOCK_DEPTH_MAX}"));
            }
        }
        at = start + 2 + end + end_mark.len();
    }
    Ok(())
}

fn check_expression(inner: &str) -> Result<(), String> {
    if inner.len() > EXPRESSION_BYTES_MAX {
        return Err(format!("an expression has at most {EXPRESSION_BYTES_MAX} bytes"));
    }
    if inner.matches(['(', '[', '{']).count() > EXPRESSION_BRACKETS_MAX {
        return Err(format!("an expression has at most {EXPRESSION_BRACKETS_MAX} opening brackets"));
    }
    Ok(())
}

fn place(source: &str, at: usize) -> String {
    let line = source[..at].matches('\n').count() + 1;
    let column = source[..at].chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {line}, column {column}")
}

/// Refuses what could run without end, reach other templates or call what is not there.
fn check_elements(template: &Parsed, depth: usize, loops: usize) -> Result<(), String> {
    use TemplateElement as T;
    if depth > BLOCK_DEPTH_MAX {
        return Err(format!("blocks nest deeper than {BLOCK_DEPTH_MAX}"));
    }
    for element in &template.elements {
        match element {
            T::RawString(_) | T::Comment(_) => {}
            T::HtmlExpression(expression) | T::Expression(expression) => check_value(expression)?,
            T::HelperBlock(block) => {
                let loops = loops + usize::from(check_block(block)? == BlockHelper::Each);
                if loops > LOOP_DEPTH_MAX {
                    return Err(format!("`each` nests deeper than {LOOP_DEPTH_MAX}"));
                }
                for inner in block.template.iter().chain(&block.inverse) {
                    check_elements(inner, depth + 1, loops)?;
                }
            }
            T::PartialExpression(_) | T::PartialBlock(_) => return Err("partials (`{{> …}}`) are not available".into()),
            T::DecoratorExpression(_) | T::DecoratorBlock(_) => {
                return Err("decorators (`{{* …}}`) are not available".into());
            }
            _ => return Err("uses a form of expression that is not available".into()),
        }
    }
    Ok(())
}

/// Whether every value is escaped where it is inserted: none by `{{{…}}}` or `{{&…}}`.
pub(super) fn is_escaped(template: &Parsed) -> bool {
    template.elements.iter().all(|element| match element {
        TemplateElement::HtmlExpression(_) => false,
        TemplateElement::HelperBlock(block) => block.template.iter().chain(&block.inverse).all(is_escaped),
        _ => true,
    })
}

/// `{{name}}` is a variable, `{{name parameter}}` the result of a helper.
fn check_value(expression: &HelperTemplate) -> Result<(), String> {
    let name = expression.name.as_name().ok_or("an expression starts with the name of a variable or of a helper")?;
    if expression.params.is_empty() && expression.hash.is_empty() {
        if ValueHelper::named(name).is_none() && BlockHelper::named(name).is_none() {
            return Ok(());
        }
        return Err(format!(
            "`{name}` is a helper: give it parameters; a variable of that name is `{{{{this.{name}}}}}`"
        ));
    }
    if BlockHelper::named(name).is_some() {
        return Err(format!("`{name}` is a block: write `{{{{#{name} …}}}}…{{{{/{name}}}}}`"));
    }
    let helper = ValueHelper::named(name).ok_or_else(|| unknown(name, VALUE_NAMES))?;
    let (fewest, most) = helper.arity();
    check_parameters(name, expression, fewest, most)?;
    if let Some(option) = expression.hash.keys().min() {
        return Err(format!("`{name}` takes no option; `{option}` is one"));
    }
    Ok(())
}

fn check_block(block: &HelperTemplate) -> Result<BlockHelper, String> {
    let name = block.name.as_name().ok_or("a block starts with the name of a helper")?;
    if ValueHelper::named(name).is_some() {
        return Err(format!("`{name}` is not a block: write `{{{{#if ({name} …)}}}}`"));
    }
    let helper = BlockHelper::named(name).ok_or_else(|| unknown(name, BLOCK_NAMES))?;
    check_parameters(name, block, 1, 1)?;
    let is_scope = matches!(helper, BlockHelper::Each | BlockHelper::With);
    // A computed value would be copied for every use of it.
    if is_scope && !matches!(block.params.first(), Some(Parameter::Path(_))) {
        return Err(format!("`{name}` takes a variable, as `{{{{#{name} items}}}}`"));
    }
    if let Some(option) = block.hash.keys().find(|option| is_scope || option.as_str() != "includeZero") {
        return Err(format!("`{name}` takes no option `{option}`"));
    }
    block.hash.values().try_for_each(check_parameter)?;
    Ok(helper)
}

fn check_parameters(name: &str, call: &HelperTemplate, fewest: usize, most: usize) -> Result<(), String> {
    let given = call.params.len();
    if !(fewest..=most).contains(&given) {
        let right = match (fewest, most) {
            (1, 1) => "1 parameter".to_owned(),
            _ if fewest == most => format!("{fewest} parameters"),
            _ => format!("{fewest} to {most} parameters"),
        };
        return Err(format!("`{name}` takes {right}; {given} {} given", if given == 1 { "is" } else { "are" }));
    }
    call.params.iter().try_for_each(check_parameter)
}

fn check_parameter(parameter: &Parameter) -> Result<(), String> {
    match parameter {
        Parameter::Subexpression(inner) => match inner.as_element() {
            TemplateElement::Expression(call) if !call.params.is_empty() => check_value(call),
            _ => Err("brackets hold a helper and its parameters, as `(eq a b)`".into()),
        },
        _ => Ok(()),
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    format!("there is no helper `{name}`; there are `{}`", known.join("`, `"))
}
