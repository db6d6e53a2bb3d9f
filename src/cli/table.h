// Tables for people: columns aligned under their headings, as kubectl prints them.
//
//   Table table({"HOST", "LABELS"});
//   table.add({"calm-reed-4821", "zone=eu"});
//   output.line(table.text());
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wattle::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> headings) : rows_{std::move(headings)} {}

  // Precondition: as many cells as there are headings. An empty cell is shown as "-".
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.size() == 1; }
  // Without a line end behind the last row.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// `text` without what would steer a terminal: control characters become "?". For whatever others wrote.
std::string printable(std::string_view text);

}  // namespace wattle::cli
