import pytest

from tests.methods import small, small_d2net


@pytest.fixture(scope="session")
def patients_cache(tmp_path_factory):
    """Where the patients' cohort is prepared, once a session."""
    return tmp_path_factory.mktemp("patients")


@pytest.fixture(scope="session")
def patients(patients_cache):
    """The ten patients, divided."""
    return small.patients(patients_cache)


@pytest.fixture(scope="session")
def taught(patients):
    """A trained teacher."""
    return small.fit(small.teacher(), patients)


@pytest.fixture(scope="session")
def volumes_cache(tmp_path_factory):
    """Where the volumes' cohort is prepared, once a session."""
    return tmp_path_factory.mktemp("volumes")


@pytest.fixture(scope="session")
def volumes(volumes_cache):
    """The six volumes, divided."""
    return small_d2net.volumes(volumes_cache)
