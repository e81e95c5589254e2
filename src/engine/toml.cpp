/* engine/toml.cpp -- the one C++ file: toml++ behind toml_scan.h. Every exception ends here, as a
 * failure; the headers of base/ are C and stay out. */
#include <exception>
#include <string>
#include <string_view>

#include <toml++/toml.h>

#include "engine/toml_scan.h"

namespace
{

using visit_fn = void (*)(void *context, const toml_event *event);

bool is_bare(std::string_view key)
{
    for (char c : key) {
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!is_plain) {
            return false;
        }
    }
    return !key.empty();
}

std::string path_of(const std::string &parent, std::string_view key)
{
    std::string path = parent.empty() ? parent : parent + ".";
    if (is_bare(key)) {
        return path.append(key);
    }
    return path.append("\"").append(key).append("\"");
}

struct walker {
    visit_fn visit;
    void *context;

    void tell(const std::string &path, const toml::node &node, toml_event event) const
    {
        event.key = path.data();
        event.key_bytes = path.size();
        event.line = static_cast<unsigned>(node.source().begin.line);
        visit(context, &event);
    }

    void walk_table(const std::string &path, const toml::table &table) const
    {
        for (const auto &[key, value] : table) {
            walk(path_of(path, key.str()), value);
        }
    }

    void walk_array(const std::string &path, const toml::array &array) const
    {
        for (size_t i = 0; i < array.size(); i++) {
            walk(path + "[" + std::to_string(i) + "]", array[i]);
        }
    }

    void walk(const std::string &path, const toml::node &node) const
    {
        toml_event event{};
        if (const toml::table *table = node.as_table()) {
            event.kind = TOML_TABLE;
            event.count = table->size();
            tell(path, node, event);
            walk_table(path, *table);
            return;
        }
        if (const toml::array *array = node.as_array()) {
            event.kind = TOML_ARRAY;
            event.count = array->size();
            tell(path, node, event);
            walk_array(path, *array);
            return;
        }
        event.kind = TOML_TIME;
        if (const auto *text = node.as_string()) {
            event.kind = TOML_TEXT;
            event.text = text->get().data();
            event.text_bytes = text->get().size();
        } else if (const auto *integer = node.as_integer()) {
            event.kind = TOML_INTEGER;
            event.integer = integer->get();
        } else if (const auto *real = node.as_floating_point()) {
            event.kind = TOML_REAL;
            event.real = real->get();
        } else if (const auto *boolean = node.as_boolean()) {
            event.kind = TOML_BOOLEAN;
            event.integer = boolean->get() ? 1 : 0;
        }
        tell(path, node, event);
    }
};

void set_reason(toml_failure *failure, std::string_view reason)
{
    size_t n = reason.size() < sizeof failure->reason ? reason.size() : sizeof failure->reason - 1;
    reason.copy(failure->reason, n);
    failure->reason[n] = '\0';
}

} // namespace

extern "C" int toml_scan(const char *text, size_t bytes,
                         void (*visit)(void *context, const toml_event *event), void *context,
                         toml_failure *failure)
{
    *failure = toml_failure{};
    try {
        toml::table table = toml::parse(std::string_view(text, bytes));
        walker{visit, context}.walk_table(std::string(), table);
        return 1;
    } catch (const toml::parse_error &e) {
        failure->line = static_cast<unsigned>(e.source().begin.line);
        failure->column = static_cast<unsigned>(e.source().begin.column);
        set_reason(failure, e.description());
    } catch (const std::exception &e) {
        set_reason(failure, e.what());
    } catch (...) {
        set_reason(failure, "unknown failure of the TOML library");
    }
    return 0;
}
