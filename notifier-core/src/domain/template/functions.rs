//! The helpers that templates may use, and the budget of steps that they share during one render.
//!
//! They do what those of the library do, and pay first for what they will do: a loop for all its turns, a condition for
//! the branch that it takes, a comparison for what it compares.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use handlebars::template::{HelperTemplate, Parameter, TemplateElement};
use handlebars::{
    BlockContext, BlockParamHolder, BlockParams, Context, Handlebars, Helper, HelperDef, HelperResult, JsonTruthy as _,
    Output, PathAndJson, RenderContext, RenderError, RenderErrorReason, Renderable as _, ScopedJson, Template, to_json,
};
use serde_json::Value;

/// How much one render may still do.
pub(super) struct Budget {
    steps_max: usize,
    left: Arc<AtomicUsize>,
}

impl Budget {
    pub(super) fn new(steps_max: usize) -> Self {
        Self { steps_max, left: Arc::new(AtomicUsize::new(steps_max)) }
    }

    /// Takes that many steps, or fails when there are not that many left.
    pub(super) fn spend(&self, steps: usize) -> Result<(), RenderError> {
        let left = self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(steps));
        left.map(drop).map_err(|_| {
            let steps_max = self.steps_max;
            let problem =
                format!("rendering takes more than {steps_max} steps: loop over less, or do less in each turn");
            RenderErrorReason::Other(problem).into()
        })
    }

    /// Gives a render the helpers that spend this budget.
    pub(super) fn lend<'reg: 'rc, 'rc>(&self, context: &mut RenderContext<'reg, 'rc>) {
        for (name, kind) in VALUE_NAMES.iter().zip(ValueHelper::ALL) {
            context.register_local_helper(name, Box::new(Metered { kind, budget: self.share() }));
        }
        for (name, kind) in BLOCK_NAMES.iter().zip(BlockHelper::ALL) {
            context.register_local_helper(name, Box::new(Metered { kind, budget: self.share() }));
        }
    }

    fn share(&self) -> Self {
        Self { steps_max: self.steps_max, left: Arc::clone(&self.left) }
    }
}

struct Metered<T> {
    kind: T,
    budget: Budget,
}

/// Strict, and without the helpers of the library.
pub(super) fn empty_registry() -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    for name in VALUE_NAMES.iter().chain(BLOCK_NAMES).chain(&["raw", "log"]) {
        registry.unregister_helper(name);
    }
    registry
}

/// The steps of rendering the elements of this template once; blocks pay for what is in them themselves.
pub(super) fn steps_of(template: &Template) -> usize {
    template.elements.iter().map(steps_of_element).sum()
}

fn steps_of_element(element: &TemplateElement) -> usize {
    match element {
        TemplateElement::Expression(call)
        | TemplateElement::HtmlExpression(call)
        | TemplateElement::HelperBlock(call) => steps_of_call(call),
        _ => 1,
    }
}

fn steps_of_call(call: &HelperTemplate) -> usize {
    let parameters = call.params.iter().chain(call.hash.values()).map(steps_of_parameter).sum::<usize>();
    1 + steps_of_parameter(&call.name) + parameters
}

fn steps_of_parameter(parameter: &Parameter) -> usize {
    match parameter {
        Parameter::Path(_) => parameter.as_name().map_or(0, |path| path.len() / 16),
        Parameter::Subexpression(inner) => 1 + steps_of_element(inner.as_element()),
        _ => 0,
    }
}

/// Helpers with a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueHelper {
    Lookup,
    Len,
    Not,
    And,
    Or,
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
}

/// Names of [`ValueHelper::ALL`].
pub(super) const VALUE_NAMES: &[&str] = &["lookup", "len", "not", "and", "or", "eq", "ne", "gt", "gte", "lt", "lte"];

impl ValueHelper {
    const ALL: [Self; 11] = {
        use ValueHelper::*;
        [Lookup, Len, Not, And, Or, Eq, Ne, Gt, Gte, Lt, Lte]
    };

    pub(super) fn named(name: &str) -> Option<Self> {
        VALUE_NAMES.iter().position(|known| *known == name).map(|index| Self::ALL[index])
    }

    /// The fewest and the most parameters.
    pub(super) fn arity(self) -> (usize, usize) {
        match self {
            Self::Len | Self::Not => (1, 1),
            Self::And | Self::Or => (1, 16),
            _ => (2, 2),
        }
    }

    fn of(self, parameters: &[PathAndJson<'_>], budget: &Budget) -> Result<Value, RenderError> {
        let truthy = |parameter: &PathAndJson<'_>| parameter.value().is_truthy(false);
        match (self, parameters) {
            (Self::And, all) => Ok(all.iter().all(truthy).into()),
            (Self::Or, any) => Ok(any.iter().any(truthy).into()),
            (Self::Not, [a, ..]) => Ok((!present(a)?.is_truthy(false)).into()),
            (Self::Len, [a, ..]) => Ok(len(present(a)?).into()),
            (Self::Lookup, [all, key, ..]) => lookup(all, present(all)?, present(key)?, budget),
            (_, [a, b, ..]) => {
                let (a, b) = (present(a)?, present(b)?);
                budget.spend(compared_size(a, b))?;
                Ok(self.compares(a, b).into())
            }
            _ => Err(RenderErrorReason::Other("a parameter is missing".into()).into()),
        }
    }

    fn compares(self, a: &Value, b: &Value) -> bool {
        let order = || match (a, b) {
            (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        };
        match self {
            Self::Eq => a == b,
            Self::Ne => a != b,
            Self::Gt => order().is_some_and(Ordering::is_gt),
            Self::Gte => order().is_some_and(Ordering::is_ge),
            Self::Lt => order().is_some_and(Ordering::is_lt),
            _ => order().is_some_and(Ordering::is_le),
        }
    }
}

impl HelperDef for Metered<ValueHelper> {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        self.kind.of(helper.params(), &self.budget).map(ScopedJson::Derived)
    }
}

fn present<'a>(parameter: &'a PathAndJson<'_>) -> Result<&'a Value, RenderError> {
    if parameter.is_value_missing() { Err(missing(parameter.relative_path())) } else { Ok(parameter.value()) }
}

fn missing(name: Option<&String>) -> RenderError {
    RenderErrorReason::MissingVariable(name.cloned()).into()
}

fn len(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.len(),
        Value::Object(map) => map.len(),
        Value::String(text) => text.len(),
        _ => 0,
    }
}

/// An item is copied out of where it is, so it costs what it weighs.
fn lookup(name: &PathAndJson<'_>, all: &Value, key: &Value, budget: &Budget) -> Result<Value, RenderError> {
    let item = match all {
        Value::Array(list) => key.as_u64().and_then(|index| list.get(usize::try_from(index).ok()?)),
        Value::Object(map) => key.as_str().and_then(|key| map.get(key)),
        _ => None,
    };
    let item = item.ok_or_else(|| missing(name.relative_path()))?;
    budget.spend(size(item) + size(key))?;
    Ok(item.clone())
}

/// What copying or comparing a value costs: one step for each 64 bytes and for each value inside.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() / 64,
        Value::Array(list) => list.iter().map(|item| 1 + size(item)).sum(),
        Value::Object(map) => map.iter().map(|(key, item)| 1 + key.len() / 64 + size(item)).sum(),
        _ => 0,
    }
}

/// Values of different types are told apart at once.
fn compared_size(a: &Value, b: &Value) -> usize {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.len().min(b.len()) / 64,
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => size(a) + size(b),
        _ => 0,
    }
}

/// Helpers with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockHelper {
    If,
    Unless,
    Each,
    With,
}

/// Names of [`BlockHelper::ALL`].
pub(super) const BLOCK_NAMES: &[&str] = &["if", "unless", "each", "with"];

impl BlockHelper {
    const ALL: [Self; 4] = [Self::If, Self::Unless, Self::Each, Self::With];

    pub(super) fn named(name: &str) -> Option<Self> {
        BLOCK_NAMES.iter().position(|known| *known == name).map(|index| Self::ALL[index])
    }
}

impl HelperDef for Metered<BlockHelper> {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        data: &'rc Context,
        context: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let parameter = helper.param(0).ok_or_else(|| missing(None))?;
        match self.kind {
            BlockHelper::If | BlockHelper::Unless => {
                let includes_zero = helper.hash_get("includeZero").and_then(|option| option.value().as_bool());
                let is_true = parameter.value().is_truthy(includes_zero.unwrap_or(false));
                let takes_first = is_true == (self.kind == BlockHelper::If);
                let branch = if takes_first { helper.template() } else { helper.inverse() };
                self.branch(branch, registry, data, context, out)
            }
            BlockHelper::With if !parameter.value().is_truthy(false) => match helper.inverse() {
                None => Err(missing(parameter.relative_path())),
                branch => self.branch(branch, registry, data, context, out),
            },
            BlockHelper::With => {
                context.push_block(scope_of(parameter, helper, context.block()));
                self.branch(helper.template(), registry, data, context, out)?;
                context.pop_block();
                Ok(())
            }
            BlockHelper::Each => match Turns::of(parameter) {
                Some(turns) if !turns.is_empty() => self.turns(turns, helper, registry, data, context, out),
                None if helper.inverse().is_none() => Err(missing(parameter.relative_path())),
                _ => self.branch(helper.inverse(), registry, data, context, out),
            },
        }
    }
}

/// What a turn of a loop costs beside what is in it.
const STEPS_OF_TURN: usize = 4;
/// Bytes of a key that a loop may meet: it is copied for every path that is followed in its turn.
const KEY_BYTES_MAX: usize = 256;

impl Metered<BlockHelper> {
    fn branch<'reg: 'rc, 'rc>(
        &self,
        template: Option<&'rc Template>,
        registry: &'reg Handlebars<'reg>,
        data: &'rc Context,
        context: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let Some(template) = template else { return Ok(()) };
        self.budget.spend(steps_of(template))?;
        template.render(registry, data, context, out)
    }

    fn turns<'reg: 'rc, 'rc>(
        &self,
        turns: Turns<'_>,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        data: &'rc Context,
        context: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let Some(template) = helper.template() else { return Ok(()) };
        self.budget.spend(turns.len().saturating_mul(STEPS_OF_TURN + steps_of(template)))?;
        context.push_block(BlockContext::new());
        for (index, name) in turns.names().enumerate() {
            if name.len() > KEY_BYTES_MAX {
                let problem = format!("a key has {} bytes; `each` takes at most {KEY_BYTES_MAX}", name.len());
                return Err(RenderErrorReason::Other(problem).into());
            }
            if let Some(block) = context.block_mut() {
                turns.enter(block, index, name, helper)?;
            }
            template.render(registry, data, context, out)?;
        }
        context.pop_block();
        Ok(())
    }
}

/// What a loop runs over, and where it is in the data.
struct Turns<'a> {
    path: &'a [String],
    value: &'a Value,
}

impl<'a> Turns<'a> {
    fn of(parameter: &'a PathAndJson<'_>) -> Option<Self> {
        let value = parameter.value();
        let path = parameter.context_path().filter(|_| value.is_array() || value.is_object())?;
        Some(Self { path, value })
    }

    fn len(&self) -> usize {
        len(self.value)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Of each item: its index or its key.
    fn names(&self) -> Box<dyn Iterator<Item = String> + 'a> {
        match self.value {
            Value::Object(map) => Box::new(map.keys().cloned()),
            _ => Box::new((0..self.len()).map(|index| index.to_string())),
        }
    }

    /// Makes the item the place that paths start from.
    fn enter<'rc>(
        &self,
        block: &mut BlockContext<'rc>,
        index: usize,
        name: String,
        helper: &Helper<'rc>,
    ) -> HelperResult {
        block.set_local_var("first", to_json(index == 0));
        block.set_local_var("last", to_json(index + 1 == self.len()));
        block.set_local_var("index", to_json(index));
        let key = if self.value.is_object() { to_json(&name) } else { to_json(index) };
        if self.value.is_object() {
            block.set_local_var("key", key.clone());
        }
        *block.base_path_mut() = self.path.iter().cloned().chain([name]).collect();
        let mut named = BlockParams::new();
        if let Some((item, index_or_key)) = helper.block_param_pair() {
            named.add_path(item, Vec::new())?;
            named.add_value(index_or_key, key)?;
        } else if let Some(item) = helper.block_param() {
            named.add_path(item, Vec::new())?;
        }
        block.set_block_params(named);
        Ok(())
    }
}

/// The scope of `with`; `@index` and the like stay what they are outside.
fn scope_of<'rc>(
    parameter: &PathAndJson<'_>,
    helper: &Helper<'rc>,
    outside: Option<&BlockContext<'rc>>,
) -> BlockContext<'rc> {
    let mut block = BlockContext::new();
    match parameter.context_path() {
        Some(path) => block.base_path_mut().clone_from(path),
        None => block.set_base_value(parameter.value().clone()),
    }
    if let Some(outside) = outside {
        block.local_variables_mut().clone_from(outside.local_variables());
    }
    if let Some(name) = helper.block_param() {
        let holder = match parameter.context_path() {
            Some(_) => BlockParamHolder::path(Vec::new()),
            None => BlockParamHolder::value(parameter.value().clone()),
        };
        block.set_block_param(name, holder);
    }
    block
}
