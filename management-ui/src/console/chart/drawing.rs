//! Lines as SVG: presentation attributes and classes only, so that pages need no style of their own in them.

use std::fmt::Write as _;
use std::time::Duration;

use askama::filters::{Html, escape};

use super::catalogue::Chart;
use super::range::Range;
use super::series::Columns;
use crate::console::format;

/// The height of a figure's drawing in pixels, and what axes take of it. What they take at its sides is a margin in
/// `chart.css`.
const HEIGHT: f64 = 200.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 24.0;

/// Where lines are drawn. A figure's is stretched to the width that there is.
struct Plot {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

const STRETCHED: Plot = Plot {
    left: 0.0,
    top: 0.0,
    width: 1_000.0,
    height: HEIGHT - TOP - BOTTOM,
};

/// A small line without axes, `width` by `height` pixels, from 0 up to the largest of `values`. `label` says in words what it shows.
pub(crate) fn spark(values: &[Option<f64>], width: u32, height: u32, label: &str) -> String {
    let plot = Plot {
        left: 1.0,
        top: 1.0,
        width: f64::from(width.saturating_sub(2)),
        height: f64::from(height.saturating_sub(2)),
    };
    let known = values.iter().flatten();
    let end = known.fold(0.0, |largest, value| f64::max(largest, *value));
    let lines = plot.lines(values, end, "spark-line");
    let label = escaped(label);
    format!(
        r#"<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" preserveAspectRatio="none" role="img" aria-label="{label}"><title>{label}</title>{lines}</svg>"#
    )
}

/// What a figure shows before its script draws, and without it: lines, three values up the left side, the range below.
/// The newest sample is at the right end; a history that is shorter than the range begins later.
pub(super) fn figure(chart: &Chart, columns: &Columns, range: Range) -> String {
    let end = chart.unit.axis_end(columns.largest());
    let (mut texts, mut lines) = (String::new(), String::new());
    for part in [0.0, 0.5, 1.0] {
        let y = STRETCHED.height * (1.0 - part);
        texts += &value(y, &chart.unit.short(end * part));
        lines += &grid_line(y);
    }
    let plot = STRETCHED.right_part(covered(&columns.times, range));
    for (series, values) in chart.series.iter().zip(&columns.values) {
        let class = format!("series-{}", series.colour);
        lines += &plot.lines(values, end, &class);
    }
    let span = format::span(Duration::from_secs(range.seconds));
    let label = escaped(chart.title);
    texts += &times(&span);
    let Plot { width, height, .. } = STRETCHED;
    format!(
        r#"<svg width="100%" height="{HEIGHT}" role="img" overflow="visible" aria-label="{label} of the last {span}">{texts}<svg y="{TOP}" width="100%" height="{height}" viewBox="0 0 {width} {height}" preserveAspectRatio="none" overflow="visible">{lines}</svg></svg>"#
    )
}

/// A value at the left axis.
fn value(y: f64, text: &str) -> String {
    let y = TOP + y + 4.0;
    format!(
        r#"<text x="-8" y="{y}" font-size="12" fill="currentColor" text-anchor="end">{text}</text>"#
    )
}

fn grid_line(y: f64) -> String {
    let end = STRETCHED.width;
    format!(
        r#"<path d="M0 {y}H{end}" stroke="currentColor" stroke-opacity="0.2" vector-effect="non-scaling-stroke"/>"#
    )
}

/// Times of day would need the reader's time zone.
fn times(span: &str) -> String {
    let y = HEIGHT - 6.0;
    format!(
        r#"<text y="{y}" font-size="12" fill="currentColor">{span} ago</text><text x="100%" y="{y}" font-size="12" fill="currentColor" text-anchor="end">now</text>"#
    )
}

/// The share of `range` that lies between the first time and the last.
fn covered(times: &[u64], range: Range) -> f64 {
    let seconds = match times {
        [first, .., last] => last - first,
        _ => 0,
    };
    (seconds as f64 / range.seconds as f64).min(1.0)
}

impl Plot {
    /// A `share` of it, up to its right end.
    fn right_part(&self, share: f64) -> Self {
        let width = self.width * share;
        Self {
            left: self.left + self.width - width,
            width,
            ..*self
        }
    }

    /// A line for each stretch of `values` without gaps. The plot's top stands for `end`.
    fn lines(&self, values: &[Option<f64>], end: f64, class: &str) -> String {
        let step = self.width / values.len().saturating_sub(1).max(1) as f64;
        let scale = if end > 0.0 { self.height / end } else { 0.0 };
        let mut lines = String::new();
        let mut start = 0;
        for stretch in values.split(Option::is_none) {
            let mut points = String::new();
            for (at, value) in stretch.iter().flatten().enumerate() {
                let x = self.left + (start + at) as f64 * step;
                let y = self.top + self.height - value * scale;
                write!(points, " {x:.1},{y:.1}").expect("a string has room");
            }
            start += stretch.len() + 1;
            if let Some(points) = points.strip_prefix(' ') {
                lines += &format!(
                    r#"<polyline class="{class}" points="{points}" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round" vector-effect="non-scaling-stroke"/>"#
                );
            }
        }
        lines
    }
}

fn escaped(text: &str) -> String {
    escape(text, Html).map_or_else(|never| match never {}, |text| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::chart::catalogue::find;

    /// The points of all lines.
    fn points(svg: &str) -> Vec<&str> {
        let lines = svg.split("points=\"").skip(1);
        lines.filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn a_spark_fills_its_box() {
        let values = [0.0, 5.0, 10.0].map(Some);
        let svg = spark(&values, 102, 22, "ready");
        assert_eq!(points(&svg), ["1.0,21.0 51.0,11.0 101.0,1.0"]);
        assert!(svg.contains("<title>ready</title>"));
        assert!(!svg.contains("style"));
    }

    #[test]
    fn lines_end_at_gaps() {
        let values = [Some(1.0), None, Some(1.0), Some(1.0), None];
        let svg = spark(&values, 42, 12, "");
        assert_eq!(points(&svg), ["1.0,1.0", "21.0,1.0 31.0,1.0"]);
    }

    #[test]
    fn nothing_and_zeros_can_be_drawn() {
        assert!(points(&spark(&[], 10, 10, "")).is_empty());
        assert!(points(&spark(&[None], 0, 0, "")).is_empty());
        let zeros = spark(&[Some(0.0), Some(0.0)], 12, 12, "");
        assert_eq!(points(&zeros), ["1.0,11.0 11.0,11.0"]);
    }

    #[test]
    fn names_are_escaped() {
        let svg = spark(&[], 10, 10, r#""><script>"#);
        assert!(!svg.contains("<script>"), "{svg}");
    }

    #[test]
    fn a_figure_has_an_axis_and_a_line_per_series() {
        let columns = Columns {
            step_seconds: 5,
            times: vec![5, 35],
            values: vec![vec![Some(0.0), Some(1_500.0)], vec![Some(0.0); 2]],
        };
        let svg = figure(
            find("queue", "depth").unwrap(),
            &columns,
            Range::parse(Some("60")),
        );
        let expected = ["500.0,168.0 1000.0,42.0", "500.0,168.0 1000.0,168.0"];
        assert_eq!(points(&svg), expected);
        for text in [">2k<", ">1k<", ">0<", "1 min ago", r#"class="series-2""#] {
            assert!(svg.contains(text), "{text}");
        }
    }
}
