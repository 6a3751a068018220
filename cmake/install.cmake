# Installs into a prefix that you can move afterwards.

include(CMakePackageConfigHelpers)

set(cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/netfacade)
configure_package_config_file(cmake/netfacadeConfig.cmake.in netfacadeConfig.cmake
                              INSTALL_DESTINATION ${cmake_dir})
write_basic_package_version_file(netfacadeConfigVersion.cmake COMPATIBILITY SameMajorVersion)

cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
           OUTPUT_VARIABLE pc_to_prefix)
cmake_path(APPEND pc_libdir "\${prefix}" ${CMAKE_INSTALL_LIBDIR})
cmake_path(APPEND pc_includedir "\${prefix}" ${CMAKE_INSTALL_INCLUDEDIR})
set(pc_libs_private -pthread)
if(HAVE_libatomic)
    string(APPEND pc_libs_private " -latomic")
endif()
configure_file(cmake/netfacade.pc.in netfacade.pc @ONLY)

install(TARGETS ${libraries} EXPORT netfacadeTargets)
install(EXPORT netfacadeTargets NAMESPACE netfacade:: DESTINATION ${cmake_dir})
install(FILES ${PROJECT_BINARY_DIR}/netfacadeConfig.cmake
              ${PROJECT_BINARY_DIR}/netfacadeConfigVersion.cmake DESTINATION ${cmake_dir})
install(FILES ${PROJECT_BINARY_DIR}/netfacade.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES include/netfacade.h TYPE INCLUDE)
install(FILES include/netfacade/cipher.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/netfacade)
if(tls_libraries) # an export of its own: who does not ask for the component needs no OpenSSL
    configure_file(cmake/netfacade-tls.pc.in netfacade-tls.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/netfacade-tls.pc
            DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
    install(TARGETS ${tls_libraries} EXPORT netfacadeTlsTargets)
    install(EXPORT netfacadeTlsTargets NAMESPACE netfacade:: DESTINATION ${cmake_dir})
endif()
install(FILES LICENSE CHANGELOG.md TYPE DOC OPTIONAL)
install(FILES docs/netfacade.7 docs/netfacade-chaos.7 docs/netfacade-framed.7 docs/netfacade-tls.7
        DESTINATION ${CMAKE_INSTALL_MANDIR}/man7 OPTIONAL)
