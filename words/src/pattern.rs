//! The part of Fluent's syntax that the catalogue uses: text, variables, text in quotes, and choices
//! by number or by word (<https://projectfluent.org/fluent/guide/>).

use fluent_syntax::ast::{Expression, InlineExpression, Pattern, PatternElement, Variant};

/// The variables of a pattern.
///
/// # Errors
/// What the pattern uses that is not supported.
pub(crate) fn variables<'a>(pattern: &Pattern<&'a str>) -> Result<Vec<&'a str>, String> {
    let mut found = Vec::new();
    gather(pattern, &mut found)?;
    Ok(found)
}

fn gather<'a>(pattern: &Pattern<&'a str>, found: &mut Vec<&'a str>) -> Result<(), String> {
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { .. } => {}
            PatternElement::Placeable { expression } => match expression {
                Expression::Inline(inline) => found.extend(variable(inline)?),
                Expression::Select { selector, variants } => {
                    found.extend(variable(selector)?);
                    for Variant { value, .. } in variants {
                        gather(value, found)?;
                    }
                }
            },
        }
    }
    Ok(())
}

fn variable<'a>(inline: &InlineExpression<&'a str>) -> Result<Option<&'a str>, String> {
    match inline {
        InlineExpression::VariableReference { id } => Ok(Some(id.name)),
        InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => Ok(None),
        InlineExpression::Placeable { .. }
        | InlineExpression::FunctionReference { .. }
        | InlineExpression::MessageReference { .. }
        | InlineExpression::TermReference { .. } => {
            Err("may hold only text, { $variables }, texts in quotes and choices".to_owned())
        }
    }
}
