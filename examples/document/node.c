/* examples/document/node.c - the types of the tree, and what is done to it. See node.h for who owns what.
 *
 * A type says which slots of its objects own something. There is nothing else to write: no free, no walk for the
 * collector. */
#include <string.h>

#include "node.h"

/* ---------------------------------------------------------------- types */

/* No reference: it is never part of a cycle, and the collector never sees it. */
ouro_type string_type = {
    .name = "string",
    .size = sizeof(string),
    .item_size = 1,
    .flags = OURO_TYPE_ACYCLIC,
};

/* References, but to strings and to the next attribute only, which never lead back: the collector need not look at these
 * either. */
ouro_type attribute_type = {
    .name = "attribute",
    .size = sizeof(attribute),
    .references =
        OURO_REFERENCES(offsetof(attribute, name), offsetof(attribute, value), offsetof(attribute, next)),
    .flags = OURO_TYPE_ACYCLIC,
};

ouro_type node_type = {
    .name = "node",
    .size = sizeof(node),
    .references = OURO_REFERENCES(offsetof(node, parent), offsetof(node, next)),
};

/* Beside its own references it has those of a node. `last` is not listed: it is borrowed. */
ouro_type element_type = {
    .name = "element",
    .size = sizeof(element),
    .base = &node_type,
    .references =
        OURO_REFERENCES(offsetof(element, name), offsetof(element, attributes), offsetof(element, first)),
};

ouro_type text_type = {
    .name = "text",
    .size = sizeof(text),
    .base = &node_type,
    .references = OURO_REFERENCES(offsetof(text, content)),
};

ouro_type document_type = {
    .name = "document",
    .size = sizeof(document),
    .references = OURO_REFERENCES(offsetof(document, root), offsetof(document, names), offsetof(document, ids)),
};

/* ---------------------------------------------------------------- making */

OURO_OWNED(document) document_new(void) {
  OURO_AUTO(document) made = ouro_new(&document_type);
  document *doc = ouro_borrow(made);
  if (!doc) return OURO_NULL;
  ouro_movref(&doc->names, ouro_weak_values_new());
  ouro_movref(&doc->ids, ouro_weak_values_new());
  /* Where one of them is missing, `made` is released here, with what it has already. */
  if (!ouro_borrow(doc->names) || !ouro_borrow(doc->ids)) return OURO_NULL;
  return ouro_steal(&made);
}

OURO_OWNED(string) string_new(const char *bytes, size_t length) {
  OURO_OWNED(string) made = ouro_new_var(&string_type, length + 1);
  string *s = ouro_borrow(made);
  if (s) memcpy(s->bytes, bytes, length);
  return made;
}

OURO_OWNED(string) document_name(document *doc, const char *bytes, size_t length) {
  ouro_weak_values *names = ouro_borrow(doc->names);
  OURO_OWNED(string) known = ouro_weak_values_get(names, bytes, length);
  if (ouro_borrow(known)) return known;
  OURO_AUTO(string) made = string_new(bytes, length);
  if (!ouro_borrow(made)) return OURO_NULL;
  if (ouro_weak_values_set(names, bytes, length, ouro_borrow(made)) != OURO_OK) return OURO_NULL;
  return ouro_steal(&made);
}

OURO_OWNED(element) element_new(document *doc, const char *name, size_t length) {
  OURO_AUTO(element) made = ouro_new(&element_type);
  element *e = ouro_borrow(made);
  if (!e) return OURO_NULL;
  ouro_movref(&e->name, document_name(doc, name, length));
  if (!ouro_borrow(e->name)) return OURO_NULL;
  return ouro_steal(&made);
}

OURO_OWNED(text) text_new(const char *bytes, size_t length) {
  OURO_AUTO(text) made = ouro_new(&text_type);
  text *t = ouro_borrow(made);
  if (!t) return OURO_NULL;
  ouro_movref(&t->content, string_new(bytes, length));
  if (!ouro_borrow(t->content)) return OURO_NULL;
  return ouro_steal(&made);
}

element *as_element(node *n) { return n && ouro_type_of(n) == &element_type ? (element *)n : NULL; }

node *as_node(element *e) { return (node *)e; }

/* ---------------------------------------------------------------- attributes */

static attribute *find_attribute(const element *e, const char *name) {
  attribute *a = ouro_borrow(e->attributes);
  while (a) {
    const string *its = ouro_borrow(a->name);
    if (strcmp(its->bytes, name) == 0) break;
    a = ouro_borrow(a->next);
  }
  return a;
}

string *element_get(const element *e, const char *name) {
  const attribute *a = find_attribute(e, name);
  return a ? ouro_borrow(a->value) : NULL;
}

/* A new attribute behind the others. */
static int add_attribute(element *e, string *name, string *value) {
  OURO_OWNED(attribute) made = ouro_new(&attribute_type);
  attribute *a = ouro_borrow(made);
  if (!a) return OURO_ENOMEM;
  ouro_setref(&a->name, name);
  ouro_setref(&a->value, value);
  OURO_OWNED(attribute) *slot = &e->attributes;
  for (a = ouro_borrow(*slot); a; a = ouro_borrow(*slot)) slot = &a->next;
  ouro_movref(slot, made);
  return OURO_OK;
}

int element_set(document *doc, element *e, const char *name, size_t name_length, const char *value,
                size_t value_length) {
  OURO_AUTO(string) held_name = document_name(doc, name, name_length);
  OURO_AUTO(string) held_value = string_new(value, value_length);
  string *its_name = ouro_borrow(held_name), *its_value = ouro_borrow(held_value);
  if (!its_name || !its_value) return OURO_ENOMEM;
  if (strcmp(its_name->bytes, "id") == 0) {
    int failed = ouro_weak_values_set(ouro_borrow(doc->ids), value, value_length, e);
    if (failed) return failed;
  }
  attribute *old = find_attribute(e, its_name->bytes);
  if (!old) return add_attribute(e, its_name, its_value);
  ouro_setref(&old->value, its_value);
  return OURO_OK;
}

/* ---------------------------------------------------------------- the tree */

node *node_parent(const node *n) { return as_node(ouro_borrow(n->parent)); }

void node_append(element *parent, node *child) {
  ouro_setref(&child->parent, parent);
  if (parent->last)
    ouro_setref(&parent->last->next, child);
  else
    ouro_setref(&parent->first, child);
  parent->last = child;
}

void node_detach(node *n) {
  element *parent = ouro_borrow(n->parent);
  if (!parent) return;
  /* The slot that is emptied below may hold the last reference to `n`. (The last one to `parent` may be that of `n`, which
   * goes last.) */
  OURO_AUTO(node) held = ouro_newref(n);
  node *before = NULL;
  for (node *other = ouro_borrow(parent->first); other != n; other = ouro_borrow(other->next)) before = other;
  if (parent->last == n) parent->last = before;
  ouro_movref(before ? &before->next : &parent->first, ouro_steal(&n->next));
  ouro_clear(&n->parent);
}

bool node_is_within(const node *n, const node *top) {
  while (n && n != top) n = node_parent(n);
  return n != NULL;
}

OURO_OWNED(element) document_find(document *doc, const char *id) {
  OURO_AUTO(element) found = ouro_weak_values_get(ouro_borrow(doc->ids), id, strlen(id));
  element *e = ouro_borrow(found);
  if (!e) return OURO_NULL;
  /* A cache that holds nothing need not be told when something is dropped. But an entry may be of an element that was
   * dropped and waits for the collector, or that has another id by now. */
  const string *its = element_get(e, "id");
  if (strcmp(its->bytes, id) != 0 || !node_is_within(&e->base, as_node(ouro_borrow(doc->root)))) return OURO_NULL;
  return ouro_steal(&found);
}

node *node_following(node *n, const node *top) {
  element *e = as_element(n);
  if (e && ouro_borrow(e->first)) return ouro_borrow(e->first);
  while (n != top && !ouro_borrow(n->next)) n = node_parent(n);
  return n == top ? NULL : ouro_borrow(n->next);
}
