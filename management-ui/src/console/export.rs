//! Tables as files: all rows that pass the filter, in the order of the table.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::SHEETS;
use super::client::Problem;
use super::page;
use super::table::Sheet;
use super::visit::Visit;

/// `GET /console/export?table=queues&format=csv&filter=…`
pub(crate) async fn download(visit: Visit) -> Response {
    match file(&visit).await {
        Ok(file) => file,
        Err(problem) => page::refused(&visit, problem).await,
    }
}

async fn file(visit: &Visit) -> Result<Response, Problem> {
    let address = &visit.address;
    let name = visit.required("table")?;
    let sheet = SHEETS.iter().find(|sheet| sheet.id == name);
    let sheet = sheet.ok_or_else(|| Problem::not_found(format!("There is no table {name}")))?;
    let mut list = sheet.list(address);
    for parameter in ["sort", "sort_reverse", "filter"] {
        if let Some(value) = address.get(parameter) {
            list = list.with(parameter, value);
        }
    }
    if let Some(vhost) = visit.vhost() {
        list = list.header("x-vhost", vhost);
    }
    let rows = visit.call(list).await?;
    let (kind, extension, text) = match address.get("format") {
        Some("json") => ("application/json", "json", rows.to_string()),
        _ => ("text/csv; charset=utf-8", "csv", csv(visit, sheet, &rows)?),
    };
    let disposition = format!("attachment; filename=\"{name}.{extension}\"");
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, text).into_response())
}

fn csv(visit: &Visit, sheet: &'static Sheet, rows: &Value) -> Result<String, Problem> {
    let columns = sheet.exported(&visit.address);
    let failed = |why: String| Problem::internal(&format!("a table as CSV: {why}"));
    let mut file = csv::Writer::from_writer(Vec::new());
    let head = file.write_record(&columns);
    head.map_err(|why| failed(why.to_string()))?;
    for row in rows.as_array().into_iter().flatten() {
        let values = columns.iter().map(|column| plain(row, column));
        let written = file.write_record(values);
        written.map_err(|why| failed(why.to_string()))?;
    }
    let bytes = file.into_inner().map_err(|why| failed(why.to_string()))?;
    String::from_utf8(bytes).map_err(|why| failed(why.to_string()))
}

/// A value as a spreadsheet takes it. One that would be taken for a formula is made a text.
fn plain(row: &Value, column: &str) -> String {
    match crate::query::field(row, column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
            format!("'{text}")
        }
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Value, expected: &str) {
        assert_eq!(plain(&json!({ "a": { "b": value } }), "a.b"), expected);
    }

    #[test]
    fn values_are_plain() {
        check(json!("orders"), "orders");
        check(json!(1.5), "1.5");
        check(json!(null), "");
        check(json!(-3), "-3");
        check(json!("=HYPERLINK(1)"), "'=HYPERLINK(1)");
    }
}
