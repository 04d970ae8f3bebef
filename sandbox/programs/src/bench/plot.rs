//! Plots as self-contained SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 250.0;
/// Margins around the plot.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 24.0;
const ABOVE: f64 = 46.0;
const BELOW: f64 = 44.0;
const COLOURS: [&str; 4] = ["#1b6ca8", "#c0392b", "#2e8b57", "#8e5ea2"];

/// One line of a chart.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) points: Vec<(f64, f64)>,
    /// True for a line that shows an ideal, not a measurement.
    pub(super) dashed: bool,
}

/// Lines over a load.
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) across: &'static str,
    pub(super) lines: Vec<Line>,
}

/// Escapes a text for XML text and attributes.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// All charts in one picture, with this many in a row.
pub(super) fn picture(charts: &[Chart], columns: usize) -> String {
    let columns = columns.clamp(1, charts.len().max(1));
    let (width, height) = (
        WIDTH * float(columns),
        HEIGHT * float(charts.len().div_ceil(columns)),
    );
    let mut svg = opened(width, height);
    for (at, chart) in charts.iter().enumerate() {
        let (x, y) = (WIDTH * float(at % columns), HEIGHT * float(at / columns));
        let _infallible = writeln!(
            svg,
            "<g transform=\"translate({x} {y})\">{}</g>",
            drawn(chart)
        );
    }
    svg + "</svg>\n"
}

/// One bar for each name.
pub(super) fn bars(title: &str, values: &[(String, f64)]) -> String {
    const ROW: f64 = 22.0;
    const NAMES: f64 = 250.0;
    let most = values
        .iter()
        .map(|(_, value)| *value)
        .fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = opened(2.0 * WIDTH, 40.0 + ROW * float(values.len()));
    let _infallible = writeln!(
        svg,
        "<text x=\"8\" y=\"22\" font-weight=\"bold\">{}</text>",
        escaped(title)
    );
    for (at, (name, value)) in values.iter().enumerate() {
        let (y, length) = (
            34.0 + ROW * float(at),
            (2.0 * WIDTH - NAMES - 90.0) * value / most,
        );
        let _infallible = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text><rect x=\"{NAMES}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" \
             fill=\"{}\"/><text x=\"{:.1}\" y=\"{}\">{}</text>",
            NAMES - 8.0,
            y + 13.0,
            escaped(name),
            ROW - 5.0,
            COLOURS[0],
            NAMES + length + 6.0,
            y + 13.0,
            number(*value),
        );
    }
    svg + "</svg>\n"
}

/// A complete HTML page.
pub(super) fn html(title: &str, parts: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n<style>\
         body {{ font: 15px system-ui, sans-serif; margin: 2em auto; max-width: 1100px; padding: 0 1em }}\n\
         pre {{ font-size: 12px; overflow-x: auto }}\nsvg {{ max-width: 100%; height: auto }}</style></head>\n\
         <body><h1>{title}</h1>\n{parts}</body></html>\n"
    )
}

fn opened(width: f64, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    )
}

fn drawn(chart: &Chart) -> String {
    let points = || {
        chart
            .lines
            .iter()
            .flat_map(|line| line.points.iter().copied())
    };
    let (least, most) = points().fold((f64::MAX, f64::MIN), |(least, most), (x, _)| {
        (least.min(x), most.max(x))
    });
    let top = ceiling(points().map(|(_, y)| y).fold(0.0, f64::max));
    // Loads grow by factors.
    let logarithmic = least > 0.0 && most / least > 8.0;
    let scale = |x: f64| if logarithmic { x.ln() } else { x };
    let across = |x: f64| {
        let part = (scale(x) - scale(least)) / (scale(most) - scale(least)).max(f64::MIN_POSITIVE);
        LEFT + part * (WIDTH - LEFT - RIGHT)
    };
    let up = |y: f64| HEIGHT - BELOW - y / top * (HEIGHT - ABOVE - BELOW);
    let mut svg = format!(
        "<text x=\"8\" y=\"18\" font-weight=\"bold\">{}</text>",
        escaped(&chart.title)
    );
    for step in 0..=4 {
        let y = top * float(step) / 4.0;
        let _infallible = write!(
            svg,
            "<path d=\"M{LEFT} {:.1}H{}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            up(y),
            WIDTH - RIGHT,
            LEFT - 6.0,
            up(y) + 4.0,
            number(y),
        );
    }
    let mut marks: Vec<f64> = points().map(|(x, _)| x).collect();
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    for x in marks {
        let _infallible = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            across(x),
            HEIGHT - BELOW + 16.0,
            number(x)
        );
    }
    let _infallible = write!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555\">{}</text>",
        f64::midpoint(WIDTH, LEFT),
        HEIGHT - 10.0,
        escaped(chart.across)
    );
    let mut x = 8.0;
    for (line, colour) in chart.lines.iter().zip(COLOURS.iter().cycle()) {
        let dashes = if line.dashed {
            " stroke-dasharray=\"5 4\""
        } else {
            ""
        };
        let path: Vec<String> = line
            .points
            .iter()
            .map(|(x, y)| format!("{:.1} {:.1}", across(*x), up(*y)))
            .collect();
        let _infallible = write!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/><text x=\"{x}\" y=\"36\" \
             fill=\"{colour}\">{}</text>",
            path.join(" "),
            escaped(line.name)
        );
        x += 14.0 + 7.0 * float(line.name.len());
        for (x, y) in line.points.iter().filter(|_| !line.dashed) {
            let _infallible = write!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                across(*x),
                up(*y)
            );
        }
    }
    svg
}

/// The next larger of 1, 2, 2.5, 5 and 10 times a power of ten.
fn ceiling(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(most.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|times| times * power)
        .find(|top| *top >= most * 0.999)
        .unwrap_or(most)
}

fn number(value: f64) -> String {
    if value >= 10.0 || value.fract().abs() < 0.005 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of charts and letters")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_shows_its_lines_and_escapes_its_words() {
        let points = vec![(5.0, 100.0), (50.0, 51.0), (200.0, 11.0)];
        let lines = vec![
            Line {
                name: "delivered",
                points,
                dashed: false,
            },
            Line {
                name: "all",
                points: vec![(5.0, 100.0)],
                dashed: true,
            },
        ];
        let chart = Chart {
            title: "<delivered> %".to_owned(),
            across: "at once",
            lines,
        };
        let svg = picture(&[chart], 3);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_eq!(
            (
                svg.matches("<circle").count(),
                svg.matches("stroke-dasharray").count()
            ),
            (3, 1),
            "{svg}"
        );
        assert!(
            svg.contains("&lt;delivered&gt; %") && !svg.contains("NaN"),
            "{svg}"
        );
        assert!(
            picture(
                &[Chart {
                    title: String::new(),
                    across: "",
                    lines: vec![]
                }],
                2
            )
            .contains("</svg>")
        );
        assert!(html("a & b", "<p>").contains("<h1>a &amp; b</h1>"));
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (most, expected) in [
            (0.0, 1.0),
            (0.3, 0.5),
            (1.0, 1.0),
            (97.0, 100.0),
            (101.0, 200.0),
            (230.0, 250.0),
            (1_140.0, 2_000.0),
        ] {
            assert!(
                (ceiling(most) - expected).abs() < 1e-9,
                "{most}: {}",
                ceiling(most)
            );
        }
        assert!(bars("x", &[("hello".to_owned(), 0.9)]).contains("0.90"));
    }
}
