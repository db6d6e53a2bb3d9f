// A command built with libc++: counts the words of standard input, or of the file that is its first argument,
// and prints them by frequency. The second argument, if any, is where a copy of the report is written.
// (Debian's libc++ for WebAssembly has neither fstream nor filesystem, so files go through stdio.)
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

std::map<std::string, int> count_words(std::istream& input) {
  std::map<std::string, int> counts;
  for (std::string word; input >> word;) {
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
    ++counts[word];
  }
  return counts;
}

std::string report(const std::map<std::string, int>& counts) {
  std::vector<std::pair<std::string, int>> rows(counts.begin(), counts.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& left, const auto& right) { return left.second > right.second; });
  std::string text;
  for (const auto& [word, count] : rows) text += std::to_string(count) + " " + word + "\n";
  return text;
}

bool read_file(const char* path, std::string& text) {
  const File file(std::fopen(path, "r"));
  if (!file) return false;
  char block[4096];
  while (const std::size_t size = std::fread(block, 1, sizeof(block), file.get())) text.append(block, size);
  return !std::ferror(file.get());
}

bool write_file(const char* path, const std::string& text) {
  const File file(std::fopen(path, "w"));
  return file && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size() &&
         std::fflush(file.get()) == 0;
}

}  // namespace

int main(int count, char** words) {
  std::string text;
  if (count > 1 && !read_file(words[1], text)) {
    std::cerr << words[1] << ": cannot be read\n";
    return 1;
  }
  std::istringstream from_file(text);
  const std::string rows = report(count_words(count > 1 ? static_cast<std::istream&>(from_file) : std::cin));
  std::cout << rows;
  if (count > 2 && !write_file(words[2], rows)) {
    std::cerr << words[2] << ": cannot be written\n";
    return 1;
  }
}
