#include "json.h"

#include <stdlib.h>
#include <string.h>

// What nests deeper is no answer of a vendor, and must not use up the stack.
#define DEPTH_MAX 100

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} reader_t;

static bool skip_value(reader_t *reader, unsigned depth);

static void skip_space(reader_t *reader) {
    while (reader->at < reader->end && memchr(" \t\n\r", *reader->at, 4)) reader->at++;
}

// Whether this byte comes next, after spaces. It is taken then.
static bool takes(reader_t *reader, char byte) {
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != byte) return false;
    reader->at++;
    return true;
}

static bool takes_word(reader_t *reader, const char *word) {
    size_t len = strlen(word);
    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0) return false;
    reader->at += len;
    return true;
}

static bool is_digit(const reader_t *reader) {
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

static bool skip_digits(reader_t *reader) {
    if (!is_digit(reader)) return false;
    while (is_digit(reader)) reader->at++;
    return true;
}

static bool skip_number(reader_t *reader) {
    takes_word(reader, "-");
    if (!takes_word(reader, "0") && !skip_digits(reader)) return false;
    if (takes_word(reader, ".") && !skip_digits(reader)) return false;
    if (!takes_word(reader, "e") && !takes_word(reader, "E")) return true;
    if (!takes_word(reader, "+")) takes_word(reader, "-");
    return skip_digits(reader);
}

static bool read_hex4(reader_t *reader, uint32_t *value) {
    if (reader->end - reader->at < 4) return false;
    *value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = *reader->at++;
        uint8_t lower = c | 0x20;
        bool is_decimal = c >= '0' && c <= '9';
        if (!is_decimal && (lower < 'a' || lower > 'f')) return false;
        *value = *value << 4 | (uint32_t)(is_decimal ? c - '0' : lower - 'a' + 10);
    }
    return true;
}

static uint8_t *write_utf8(uint8_t *to, uint32_t code) {
    if (code < 0x80) {
        *to++ = code;
    } else if (code < 0x800) {
        *to++ = 0xc0 | code >> 6;
        *to++ = 0x80 | (code & 0x3f);
    } else if (code < 0x10000) {
        *to++ = 0xe0 | code >> 12;
        *to++ = 0x80 | (code >> 6 & 0x3f);
        *to++ = 0x80 | (code & 0x3f);
    } else {
        *to++ = 0xf0 | code >> 18;
        *to++ = 0x80 | (code >> 12 & 0x3f);
        *to++ = 0x80 | (code >> 6 & 0x3f);
        *to++ = 0x80 | (code & 0x3f);
    }
    return to;
}

// What follows a backslash. Half of a surrogate pair stands for nothing.
static bool read_escape(reader_t *reader, uint8_t **to) {
    static const char NAMES[] = "\"\\/bfnrt", MEANS[] = "\"\\/\b\f\n\r\t";
    if (reader->at == reader->end) return false;
    uint8_t name = *reader->at++;
    const char *known = memchr(NAMES, name, sizeof NAMES - 1);
    if (known) {
        *(*to)++ = MEANS[known - NAMES];
        return true;
    }
    uint32_t code, low;
    if (name != 'u' || !read_hex4(reader, &code)) return false;
    if (code >= 0xd800 && code < 0xe000) {
        if (code >= 0xdc00 || !takes_word(reader, "\\u") || !read_hex4(reader, &low)) return false;
        if (low < 0xdc00 || low >= 0xe000) return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *to = write_utf8(*to, code);
    return true;
}

// The rest of a string after its first quote. What is read is never longer than what it is read from.
static bool read_string(reader_t *reader, contract_string_t *text) {
    size_t left = (size_t)(reader->end - reader->at), quote = 0;
    while (quote < left && reader->at[quote] != '"') quote += reader->at[quote] == '\\' ? 2 : 1;
    if (quote >= left) return false;
    text->ptr = malloc(quote + 1);
    if (!text->ptr) return false;
    uint8_t *to = text->ptr;
    while (*reader->at != '"') {
        if (*reader->at == '\\') {
            reader->at++;
            if (!read_escape(reader, &to)) return false;
            continue;
        }
        size_t len = *reader->at < 0x20 ? 0 : utf8_sequence(reader->at, reader->end);
        if (len == 0) return false;
        memcpy(to, reader->at, len);
        to += len;
        reader->at += len;
    }
    reader->at++;
    text->len = (size_t)(to - text->ptr);
    return true;
}

static bool skip_string(reader_t *reader) {
    contract_string_t text = {0};
    bool is_right = read_string(reader, &text);
    free(text.ptr);
    return is_right;
}

static bool skip_array(reader_t *reader, unsigned depth) {
    if (takes(reader, ']')) return true;
    do {
        if (!skip_value(reader, depth)) return false;
    } while (takes(reader, ','));
    return takes(reader, ']');
}

static bool skip_object(reader_t *reader, unsigned depth) {
    if (takes(reader, '}')) return true;
    do {
        if (!takes(reader, '"') || !skip_string(reader) || !takes(reader, ':')) return false;
        if (!skip_value(reader, depth)) return false;
    } while (takes(reader, ','));
    return takes(reader, '}');
}

static bool skip_value(reader_t *reader, unsigned depth) {
    if (depth == DEPTH_MAX) return false;
    if (takes(reader, '"')) return skip_string(reader);
    if (takes(reader, '[')) return skip_array(reader, depth + 1);
    if (takes(reader, '{')) return skip_object(reader, depth + 1);
    return takes_word(reader, "true") || takes_word(reader, "false") || takes_word(reader, "null") ||
           skip_number(reader);
}

static bool read_member(reader_t *reader, json_member_t *member) {
    if (!takes(reader, '"') || !read_string(reader, &member->name) || !takes(reader, ':')) return false;
    if (takes(reader, '"')) {
        member->kind = JSON_TEXT;
        return read_string(reader, &member->text);
    }
    bool is_null = takes_word(reader, "null");
    member->kind = is_null ? JSON_NULL : JSON_OTHER;
    return is_null || skip_value(reader, 1);
}

bool json_read_object(json_object_t *object, const uint8_t *bytes, size_t len) {
    *object = (json_object_t){0};
    reader_t reader = {bytes, bytes + len};
    if (!takes(&reader, '{')) return false;
    if (!takes(&reader, '}')) {
        do {
            if (object->count == JSON_MEMBERS_MAX) return false;
            if (!read_member(&reader, &object->members[object->count++])) return false;
        } while (takes(&reader, ','));
        if (!takes(&reader, '}')) return false;
    }
    skip_space(&reader);
    return reader.at == reader.end;
}

const json_member_t *json_member(const json_object_t *object, const char *name) {
    for (size_t i = object->count; i > 0; i--) {
        const json_member_t *member = &object->members[i - 1];
        if (member->name.len == strlen(name) && memcmp(member->name.ptr, name, member->name.len) == 0) return member;
    }
    return NULL;
}

const contract_string_t *json_text(const json_object_t *object, const char *name) {
    const json_member_t *member = json_member(object, name);
    return member && member->kind == JSON_TEXT ? &member->text : NULL;
}

void json_free(json_object_t *object) {
    for (size_t i = 0; i < object->count; i++) {
        free(object->members[i].name.ptr);
        free(object->members[i].text.ptr);
    }
    object->count = 0;
}

size_t json_written_max(const contract_string_t *text) {
    return 6 * text->len + 2;
}

char *json_write(char *to, const contract_string_t *text) {
    static const char HEX[] = "0123456789abcdef";
    *to++ = '"';
    for (size_t i = 0; i < text->len; i++) {
        uint8_t c = text->ptr[i];
        if (c < 0x20) {
            memcpy(to, "\\u00", 4);
            to[4] = HEX[c >> 4];
            to[5] = HEX[c & 0xf];
            to += 6;
            continue;
        }
        if (c == '"' || c == '\\') *to++ = '\\';
        *to++ = (char)c;
    }
    *to++ = '"';
    return to;
}

size_t utf8_sequence(const uint8_t *at, const uint8_t *end) {
    if (at == end || (*at > 0x7f && *at < 0xc2) || *at > 0xf4) return 0;
    size_t len = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
    if ((size_t)(end - at) < len) return 0;
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
    }
    // Neither longer than it has to be, nor half of a surrogate pair, nor beyond the last character.
    bool is_odd = (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) || (*at == 0xf0 && at[1] < 0x90) ||
                  (*at == 0xf4 && at[1] > 0x8f);
    return is_odd ? 0 : len;
}
