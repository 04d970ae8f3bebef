//! Writes a pattern with the values of its variables.

use fluent_syntax::ast::{
    Expression, InlineExpression, Pattern, PatternElement, Variant, VariantKey,
};

/// Writes a pattern. `value` gives a variable's text, `fits` says whether a variant's key is the one
/// for a variable.
pub(crate) fn write(
    pattern: &Pattern<&str>,
    value: &dyn Fn(&str) -> String,
    fits: &dyn Fn(&str, &str) -> bool,
    text: &mut String,
) {
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { value } => text.push_str(value),
            PatternElement::Placeable { expression } => match expression {
                Expression::Inline(inline) => inline_text(inline, value, text),
                Expression::Select { selector, variants } => {
                    let is_it = |variant: &&Variant<&str>| {
                        let key = match &variant.key {
                            VariantKey::Identifier { name } => name,
                            VariantKey::NumberLiteral { value } => value,
                        };
                        matches!(selector, InlineExpression::VariableReference { id } if fits(id.name, key))
                    };
                    let mut default = variants.iter().filter(|variant| variant.default);
                    // The parser accepts a choice only with a default.
                    let chosen = variants.iter().find(is_it).or_else(|| default.next());
                    if let Some(chosen) = chosen {
                        write(&chosen.value, value, fits, text);
                    }
                }
            },
        }
    }
}

fn inline_text(inline: &InlineExpression<&str>, value: &dyn Fn(&str) -> String, text: &mut String) {
    match inline {
        InlineExpression::VariableReference { id } => text.push_str(&value(id.name)),
        InlineExpression::StringLiteral { value } => {
            // Writing to a String cannot fail.
            let _ = fluent_syntax::unicode::unescape_unicode(text, value);
        }
        InlineExpression::NumberLiteral { value } => text.push_str(value),
        // `variables` refuses all others.
        _ => {}
    }
}
