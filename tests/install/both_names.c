/* both_names LIBRARY NAME...: exits with 0 if dlsym finds each of the names. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    void *library = argc > 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    int missing = library == NULL;
    int i;

    for (i = 2; library != NULL && i < argc; i++) {
        if (dlsym(library, argv[i]) == NULL) {
            printf("%s\n", dlerror());
            missing++;
        }
    }
    return missing != 0;
}
