/* list.h - things in a row, linked through their own structs.
 *
 * A list is a ring of nodes with the list itself as one of them, so that adding and taking out
 * need no special case. Zeroed nodes are in no list. A node is made the first member of its
 * struct, or list_owner finds the struct. One thread at a time.
 */
#ifndef NET_BASE_LIST_H
#define NET_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *back;
};

#define list_owner(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
    l->next = l->back = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_add_last(struct list *l, struct list *node)
{
    node->next = l;
    node->back = l->back;
    l->back->next = node;
    l->back = node;
}

/* Does nothing for a node that is in no list. */
static inline void list_remove(struct list *node)
{
    if (!node->next)
        return;
    node->next->back = node->back;
    node->back->next = node->next;
    node->next = node->back = NULL;
}

/* The first node, taken out; NULL when there is none. */
static inline struct list *list_take_first(struct list *l)
{
    struct list *node = l->next;

    if (node == l)
        return NULL;
    list_remove(node);
    return node;
}

/* Moves everything from one list to another that is empty. */
static inline void list_move(struct list *from, struct list *to)
{
    struct list *node;

    while ((node = list_take_first(from)))
        list_add_last(to, node);
}

#endif
